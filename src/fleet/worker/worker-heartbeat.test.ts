import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { hostname } from "node:os";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { TinyModels } from "../../tasks/tiny-models.fixture.ts";
import type { WorkerRequest, WorkerStatus } from "../store/worker-status.ts";
import { WorkerHeartbeat } from "./worker-heartbeat.ts";

/** A place for a status that is in no Redis. */
class Place {
  readonly written: WorkerStatus[] = [];
  readonly requests: WorkerRequest[] = [];
  isRemoved = false;
  answer: Promise<void> = Promise.resolve();
  readonly news = new EventEmitter();

  async write(status: WorkerStatus): Promise<void> {
    this.written.push(status);
    this.news.emit("written");
    await this.answer;
  }

  async remove(): Promise<void> {
    this.isRemoved = true;
  }

  async takeRequests(): Promise<WorkerRequest[]> {
    return this.requests.splice(0);
  }

  async until(count: number): Promise<void> {
    while (this.written.length < count) await once(this.news, "written");
  }
}

const name = "cpu0@host";
const patience = { expect: (request: () => Promise<void>) => request() };

describe("a worker's heartbeat", () => {
  test("publishes what it is like, again and again, until it is disposed", async () => {
    await using models = await TinyModels.create();
    await using cache = new ModelCache({ models: { detect: models.files.detect }, device: "cpu" });
    const status = new Place();
    const counts = { active: 2, ended: 0 };
    const options = { name, cache, status, patience, counts: () => counts, periodMs: 5 };
    {
      using heartbeat = new WorkerHeartbeat(options);
      await heartbeat.beat();
      const [first] = status.written;
      assert.deepEqual(
        [first?.name, first?.host, first?.pid, first?.active, first?.models],
        [name, hostname(), process.pid, 2, []],
      );
      await cache.warmUp();
      counts.ended = 100;
      await status.until(status.written.length + 2);
      const last = status.written.at(-1)!;
      assert.deepEqual([last.models, last.devices, last.ended], [["detect"], ["cpu"], 100]);
      assert.deepEqual([last.machine!.wantedDevice, last.machine!.tasks], ["cpu", 0]);
      const [model] = last.machine!.models;
      assert.deepEqual([model?.device, model?.precision], ["cpu", "float32"]);
      assert.ok(Date.parse(model!.loadedAt) <= Date.now() && last.machine!.loads === 1);
      assert.ok(last.perSecond > 0 && last.processBytes > 0);
      assert.equal(last.startedAt, first?.startedAt);
    }
    assert.equal(status.isRemoved, true);
  });

  test("sends nothing more while an answer is missing, and goes on after a refusal", async () => {
    const status = new Place();
    const { promise, reject } = Promise.withResolvers<void>();
    status.answer = promise;
    const counts = () => ({ active: 0, ended: 0 });
    const options = { name, cache: undefined, status, patience, counts, periodMs: 1 };
    using _heartbeat = new WorkerHeartbeat(options);
    await status.until(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(status.written.length, 1);
    reject(new Error("READONLY"));
    status.answer = Promise.resolve();
    await status.until(3);
    await nextTurn();
  });

  test("does what a person asks: no jobs, jobs again, a fresh process", async () => {
    const status = new Place();
    const done: unknown[] = [];
    let isDrained = false;
    const counts = () => ({ active: 0, ended: 0 });
    const options = { name, cache: undefined, status, patience, counts, periodMs: 1e6 };
    using heartbeat = new WorkerHeartbeat({
      ...options,
      setTaking: (isTaking) => {
        isDrained = !isTaking;
      },
      isDrained: () => isDrained,
      supervision: {
        earlierProcesses: 3,
        recycle: () => done.push("recycle"),
        directed: (isTaking) => done.push(isTaking),
      },
    });
    for (const request of ["drain", "recycle", "resume", undefined] as const) {
      if (request !== undefined) status.requests.push(request);
      await heartbeat.beat();
    }
    assert.deepEqual(done, [false, "recycle", true]);
    const drained = status.written.map(({ isDrained }) => isDrained);
    assert.deepEqual(drained, [true, true, false, false]);
    assert.equal(status.written[0]!.earlierProcesses, 3);
  });
});
