import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { logger, PretendProcesses, policyOf } from "./pretend-process.fixture.ts";
import type { RecycleOptions } from "./slot-policy.ts";
import { WorkerWatch } from "./worker-watch.ts";

async function watch(recycle: RecycleOptions = {}, { unresponsiveMs = 600_000, waitMs = 0 } = {}) {
  const [worker, process] = await new PretendProcesses().atWork();
  const stopping = new AbortController();
  const watch = new WorkerWatch({
    worker,
    policy: policyOf({ recycle, unresponsiveMs }),
    signal: stopping.signal,
    recycleNotBefore: performance.now() + waitMs,
    logger,
  });
  const report = (stats: Parameters<typeof process.report>[0]) => {
    process.report(stats);
    watch.considerRecycling();
  };
  return { watch, process, stopping, report, [Symbol.dispose]: () => watch[Symbol.dispose]() };
}

async function isOver({ end }: WorkerWatch): Promise<boolean> {
  return await Promise.race([end.then(() => true), nextTurn(false)]);
}

describe("the watch over a process", () => {
  test("ends when it dies", async () => {
    using watched = await watch();
    watched.process.exit({ status: 3, signal: null });
    assert.equal(await watched.watch.end, "died");
  });

  test("ends when the slot stops, also if it stops already", async () => {
    using watched = await watch();
    watched.stopping.abort();
    assert.equal(await watched.watch.end, "stop");
  });

  test("ends when a fresh process is asked for", async () => {
    using watched = await watch();
    watched.watch.recycle("asked for");
    watched.process.exit();
    assert.equal(await watched.watch.end, "asked for");
  });

  test("ends after the number of tasks", async () => {
    using watched = await watch({ tasks: 3 });
    watched.report({ tasks: 2 });
    assert.equal(await isOver(watched.watch), false);
    watched.report({ tasks: 3 });
    assert.equal(await watched.watch.end, "tasks");
  });

  test("ends when memory certainly grows by more than is allowed", async () => {
    using watched = await watch();
    watched.report({ growthBytesPerTask: 65_536 });
    assert.equal(await isOver(watched.watch), false);
    watched.report({ growthBytesPerTask: 65_537 });
    assert.equal(await watched.watch.end, "memory growth");
  });

  test("ends when the process is old", async () => {
    using watched = await watch({ ageMs: 1 });
    assert.equal(await watched.watch.end, "age");
  });

  test("recycles nothing by itself for a while after a successor failed", async () => {
    using watched = await watch({ tasks: 1, ageMs: 1 }, { waitMs: 3_600_000 });
    watched.report({ tasks: 5, growthBytesPerTask: 1e9 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await isOver(watched.watch), false);
    watched.watch.recycle("asked for");
    assert.equal(await watched.watch.end, "asked for");
  });

  test("kills a process that reports nothing", async () => {
    using watched = await watch({}, { unresponsiveMs: 20 });
    await watched.process.until("kill");
    assert.equal(await watched.watch.end, "died");
  });

  test("kills a process that spends the time on one inference, though it reports", async () => {
    using watched = await watch({}, { unresponsiveMs: 400 });
    watched.report({ inferenceMs: 399 });
    assert.equal(await isOver(watched.watch), false);
    watched.report({ inferenceMs: 400 });
    await watched.process.until("kill");
  });
});
