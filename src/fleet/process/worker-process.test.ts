import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Registry } from "prom-client";
import { OrangeryError } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import type { FleetWorkerOptions } from "../worker/worker-options.ts";
import type { NotingSettings } from "./noting-module.fixture.ts";
import type { QueueWorker } from "./queue-worker.ts";
import type { TaskEnvironment, TaskSetup } from "./task-module.ts";
import type { WorkerMessage } from "./worker-messages.ts";
import { WorkerProcess } from "./worker-process.ts";

/** A worker process without a process and without a queue; `steps` is what happens. */
function start({ kind = "cpu", threads = 1 }: { kind?: "cpu" | "gpu"; threads?: number } = {}) {
  const steps: string[] = [];
  const messages: WorkerMessage[] = [];
  const proof = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let given: FleetWorkerOptions | undefined;
  let environment: TaskEnvironment | undefined;
  const settings: NotingSettings = {
    prove: () => proof.promise,
    onDispose: () => steps.push("dispose"),
    onSetUp: (given) => {
      environment = given;
    },
  };
  const openWorker = (_setup: TaskSetup, options: FleetWorkerOptions): QueueWorker => {
    given = options;
    steps.push("open");
    return {
      ready: options.prepare!(new AbortController().signal),
      start: async () => void steps.push("start"),
      close: async ({ deadlineMs } = {}) => {
        steps.push(`close ${deadlineMs}`);
        await closed.promise;
      },
      counts: { active: 0, succeeded: 0, failed: 0, retrying: 0, returned: 0, lost: 0 },
      metrics: new Registry(),
      trouble: undefined,
      ping: async () => {},
    };
  };
  const process = new WorkerProcess({
    config: {
      slot: {
        name: `${kind}0@host`,
        workerId: 0,
        kind,
        device: kind === "cpu" ? "cpu" : "cuda:0",
        requireDevice: true,
        intraOpThreads: threads,
      },
      task: new URL("./noting-module.fixture.ts", import.meta.url).href,
      models: {},
      settings,
      queue: "photos",
      connection: {},
      worker: { attempts: 7 },
      orphanDeadlineMs: 0,
    },
    logger: silentLogger,
    send: async (message) => void messages.push(message),
    openWorker,
  });
  const ended = process.run();
  const until = async (type: WorkerMessage["type"]) => {
    for (;;) {
      const found = messages.find((message) => message.type === type);
      if (found !== undefined) return found;
      await nextTurn();
    }
  };
  const options = () => given!;
  const overtake = () => environment!.onOvertaken!(new OrangeryError("LEDGER_NEWER", "Newer."));
  const { resolve: finish } = closed;
  return { process, ended, steps, messages, proof, finish, until, options, overtake };
}

describe("a worker process", () => {
  test("is ready when its worker is, takes jobs when it is ordered to, and drains", async () => {
    const { process, ended, steps, messages, proof, finish, until } = start();
    proof.resolve();
    const ready = await until("ready");
    assert.partialDeepStrictEqual(ready, {
      device: { label: "cpu", kind: "cpu" },
      stats: { tasks: 0, isConnected: true },
    });
    assert.deepEqual(steps, ["open"]);
    process.obey({ type: "take" });
    await until("taking");
    process.obey({ type: "drain", deadlineMs: 5000 });
    finish();
    assert.equal(await ended, 0);
    assert.deepEqual(new Set(steps), new Set(["open", "start", "close 5000", "dispose"]));
    assert.equal(steps.at(-1), "dispose");
    const types = messages.map(({ type }) => type).filter((type) => type !== "stats");
    assert.deepEqual(types, ["metrics", "ready", "taking", "drained", "metrics"]);
  });

  test("gives its worker the configuration, and more jobs at a time on many cores", async () => {
    for (const [kind, threads, concurrency] of [
      ["cpu", 1, 3],
      ["cpu", 6, 7],
      ["gpu", 1, 4],
      ["gpu", 6, 6],
    ] as const) {
      const { process, ended, proof, finish, until, options } = start({ kind, threads });
      proof.resolve();
      assert.partialDeepStrictEqual(await until("ready"), { device: { kind } });
      assert.partialDeepStrictEqual(options(), {
        queue: "photos",
        name: `${kind}0@host`,
        attempts: 7,
        autostart: false,
        concurrency,
      });
      process.drain(0);
      finish();
      await ended;
    }
  });

  test("says why it is not ready, and ends with 1", async () => {
    const { ended, proof, steps, messages, finish } = start();
    finish();
    proof.reject(new OrangeryError("MODEL_NOT_FOUND", "No model."));
    assert.equal(await ended, 1);
    assert.deepEqual(messages[0], {
      type: "failed",
      code: "MODEL_NOT_FOUND",
      message: "No model.",
      ruledOut: "fleet",
    });
    assert.equal(steps.at(-1), "dispose");
  });

  test("overtaken by a newer program, gives its jobs back and ends with 1", async () => {
    const { ended, proof, steps, messages, finish, until, overtake } = start();
    proof.resolve();
    await until("ready");
    overtake();
    overtake();
    finish();
    assert.equal(await ended, 1);
    const failed = { type: "failed", code: "LEDGER_NEWER", message: "Newer.", ruledOut: "program" };
    assert.deepEqual(
      messages.filter(({ type }) => type === "failed"),
      [failed],
    );
    assert.deepEqual(new Set(steps), new Set(["open", "close 0", "dispose"]));
  });

  test("overtaken while it drains, gives its jobs back at once", async () => {
    const { process, ended, proof, steps, finish, until, overtake } = start();
    proof.resolve();
    await until("ready");
    process.drain(600_000);
    overtake();
    assert.equal(steps.at(-1), "close 0");
    finish();
    assert.equal(await ended, 0);
  });

  test("ordered to drain before it is ready, ends in order and reports no failure", async () => {
    const { process, ended, proof, messages, finish, steps } = start();
    while (!steps.includes("open")) await nextTurn();
    process.drain(1000);
    finish();
    proof.reject(new Error("the worker was closed"));
    assert.equal(await ended, 0);
    assert.ok(!messages.some(({ type }) => type === "failed"));
  });

  test("ordered to drain before its task is set up, opens no worker", async () => {
    const { process, ended, steps } = start();
    process.drain(1000);
    assert.equal(await ended, 0);
    assert.deepEqual(steps, ["dispose"]);
  });

  test("drains by the nearer of two deadlines", async () => {
    const { process, ended, steps, proof, finish, until } = start();
    proof.resolve();
    await until("ready");
    process.drain(60_000);
    process.drain(1000);
    process.drain(600_000);
    finish();
    await ended;
    assert.equal(steps.at(-2), "close 1000");
  });

  test("reports soon after a job has ended", async () => {
    const { process, ended, messages, proof, finish, until, options } = start();
    proof.resolve();
    await until("ready");
    const end = { jobId: "a", outcome: "succeeded", attempt: 1, waitMs: 0, durationMs: 1 } as const;
    options().onJobEnd!(end);
    options().onJobEnd!({ ...end, jobId: "b", outcome: "failed" });
    const isCounted = (message: WorkerMessage) =>
      message.type === "stats" && message.stats.tasks === 2;
    while (!messages.some(isCounted)) await new Promise((resolve) => setTimeout(resolve, 5));
    process.drain(0);
    finish();
    await ended;
  });
});
