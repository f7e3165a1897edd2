import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { silentLogger } from "../../logger.ts";
import { WorkerLife, type WorkerLifeOptions } from "./worker-life.ts";

/** A worker without a queue; `steps` is what happens. */
function live(options: Partial<WorkerLifeOptions> = {}) {
  const steps: string[] = [];
  const prepared = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const step = (name: string) => void steps.push(name);
  const jobs = {
    active: 1,
    interrupt: () => step("interrupt"),
    returnUnsettled: async () => step("return unsettled"),
  };
  const life = new WorkerLife({
    source: {
      run: async () => step("run"),
      close: async () => {
        step("close");
        await finished.promise;
      },
      disconnect: async () => step("disconnect"),
    },
    jobs,
    prepare: () => prepared.promise,
    leave: () => step("leave"),
    release: async () => step("release"),
    autostart: true,
    logger: silentLogger,
    abortGraceMs: 5,
    ...options,
  });
  return { life, steps, prepare: prepared.resolve, prepared, finish: finished.resolve };
}

describe("a worker's life", () => {
  test("takes jobs when it is prepared, and not before", async () => {
    const { life, steps, prepare } = live();
    await nextTurn();
    assert.deepEqual(steps, []);
    prepare();
    await life.ready;
    await nextTurn();
    assert.deepEqual(steps, ["run"]);
  });

  test("takes jobs only when it is started, if it is not to start by itself", async () => {
    const { life, steps, prepare } = live({ autostart: false });
    prepare();
    await life.ready;
    await nextTurn();
    assert.deepEqual(steps, []);
    await life.start();
    await life.start();
    assert.deepEqual(steps, ["run"]);
  });

  test("never takes a job when preparing fails, and can be closed", async () => {
    const { life, steps, prepared, finish } = live();
    prepared.reject(new Error("no model"));
    await assert.rejects(life.ready, /no model/);
    await assert.rejects(life.start(), /no model/);
    finish();
    await life.close();
    assert.deepEqual(steps, ["leave", "close", "release"]);
  });

  test("closes while it prepares: preparing is aborted", async () => {
    let signal: AbortSignal | undefined;
    const { life, steps, finish } = live({
      prepare: (given) => {
        signal = given;
        return new Promise(() => {});
      },
    });
    finish();
    await life.close();
    assert.equal(signal?.aborted, true);
    await assert.rejects(life.ready, { code: "TASK_INTERRUPTED" });
    assert.deepEqual(steps, ["leave", "close", "release"]);
  });

  test("finishes the jobs that run, however long they take, and takes no more", async () => {
    const { life, steps, prepare, finish } = live({ autostart: false });
    prepare();
    await life.ready;
    const closed = life.close();
    await life.start();
    await nextTurn();
    assert.deepEqual(steps, ["leave", "close"]);
    finish();
    await closed;
    assert.deepEqual(steps, ["leave", "close", "release"]);
  });

  test("interrupts jobs at its deadline, and waits for them to stop", async () => {
    const { life, steps, prepare, finish } = live({
      autostart: false,
      jobs: {
        active: 1,
        interrupt: () => {
          steps.push("interrupt");
          finish();
        },
        returnUnsettled: async () => assert.fail("they have stopped"),
      },
      abortGraceMs: 600_000,
    });
    prepare();
    await life.ready;
    await life.close({ deadlineMs: 1 });
    assert.deepEqual(steps, ["leave", "close", "interrupt", "release"]);
  });

  test("leaves jobs whose tasks do not stop, and gives them back", async () => {
    const { life, steps, prepare } = live({ autostart: false });
    prepare();
    await life.ready;
    await life.close({ deadlineMs: 0 });
    assert.deepEqual(steps, [
      "leave",
      "close",
      "interrupt",
      "return unsettled",
      "disconnect",
      "release",
    ]);
  });

  test("does not wait for what its end would write, after its deadline", async () => {
    const { life, steps, prepare, finish } = live({
      autostart: false,
      release: () => new Promise(() => {}),
    });
    prepare();
    await life.ready;
    finish();
    await life.close({ deadlineMs: 1 });
    assert.deepEqual(steps, ["leave", "close", "interrupt"]);
  });

  test("has a deadline that only ever gets nearer", async () => {
    const { life, steps, prepare } = live({ autostart: false });
    prepare();
    await life.ready;
    const closed = life.close();
    void life.close({ deadlineMs: 600_000 });
    void life.close({ deadlineMs: 1 });
    void life.close({ deadlineMs: 600_000 });
    await closed;
    assert.equal(steps.filter((step) => step === "interrupt").length, 1);
    await life.close({ deadlineMs: 0 });
  });
});
