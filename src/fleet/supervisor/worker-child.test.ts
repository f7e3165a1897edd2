import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { config, idle, PretendProcesses } from "./pretend-process.fixture.ts";
import { WorkerChild } from "./worker-child.ts";

function start() {
  const processes = new PretendProcesses();
  const heard: string[] = [];
  const child = new WorkerChild({
    startProcess: processes.start,
    config,
    onStats: ({ tasks }) => heard.push(`stats ${tasks}`),
    onMetrics: (metrics) => heard.push(`metrics ${metrics.length}`),
    onSilence: () => heard.push("silence"),
  });
  return { child, process: processes.all[0]!, heard };
}

describe("a worker process, as its supervisor sees it", () => {
  test("is sent its configuration first, and is ready when it says so", async () => {
    const { child, process } = start();
    assert.deepEqual(process.orders, ["begin"]);
    assert.deepEqual([child.device, child.stats], [undefined, undefined]);
    process.becomeReady("gpu", { tasks: 3 });
    await child.ready;
    assert.deepEqual(child.device, { kind: "gpu", label: "cuda:0" });
    assert.deepEqual(child.stats, { ...idle, tasks: 3 });
    assert.ok(child.startMs >= 0);
  });

  test("passes reports on, and remembers the last", () => {
    const { child, process, heard } = start();
    process.report({ tasks: 1 });
    process.report({ tasks: 2 });
    process.exit();
    assert.deepEqual(heard, ["stats 1", "stats 2", "silence"]);
    assert.equal(child.stats?.tasks, 2);
  });

  test("is not ready when it fails, and the reason keeps its code", async () => {
    const { child, process } = start();
    process.fail("MODEL_NOT_FOUND");
    await assert.rejects(child.ready, {
      code: "WORKER_NOT_READY",
      message: /MODEL_NOT_FOUND it is/,
    });
    assert.deepEqual(await child.exited, { status: 1, signal: null });
    assert.equal(child.isGone, true);
  });

  test("is not ready when it ends before", async () => {
    const { child, process } = start();
    process.exit({ status: null, signal: "SIGKILL" });
    await assert.rejects(child.ready, {
      code: "WORKER_NOT_READY",
      message: /it ended with SIGKILL/,
    });
  });

  test("takes and drains as ordered, and is drained when it says so or has ended", async () => {
    const { child, process } = start();
    child.take();
    process.takeJobs();
    await child.taking;
    child.drain(5000);
    assert.deepEqual(process.orders, ["begin", "take", "drain 5000"]);
    process.finishJobs();
    await child.drained;
    const other = start();
    other.process.exit();
    await other.child.drained;
  });
});
