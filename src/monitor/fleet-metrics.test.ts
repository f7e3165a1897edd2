import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FleetMetrics, type SlotCondition } from "./fleet-metrics.ts";
import type { MetricsSnapshot } from "./metrics-snapshot.ts";
import { parsePrometheusText, sampleValue } from "./prometheus-text.fixture.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

/** The snapshot of a process that has done some tasks. */
async function snapshotOf({ tasks = 0, active = 0, worker = "cpu0" }): Promise<MetricsSnapshot> {
  const metrics = new WorkerMetrics({ worker, active: () => active });
  for (let i = 0; i < tasks; i++) {
    metrics.countTask({ outcome: "succeeded", attempt: 1, waitMs: 5000, durationMs: 20 });
    metrics.observeTimings({ decode: 10 });
  }
  return structuredClone(await metrics.registry.getMetricsAsJSON());
}

function createMetrics(slots: readonly SlotCondition[] = []): FleetMetrics {
  return new FleetMetrics({
    states: ["working", "starting"],
    recycleReasons: ["tasks", "age"],
    slots: () => slots,
  });
}

async function read(metrics: FleetMetrics) {
  const families = parsePrometheusText(await metrics.text());
  return (name: string, labels: Record<string, string> = {}) =>
    sampleValue(families, `orangery_${name}`, labels);
}

const well = { state: "working", isReady: true, isOnCpu: false, isServed: true, failures: 0 };
const succeeded = { outcome: "succeeded" };

describe("the metrics of a fleet", () => {
  test("are all there before a worker has sent any", async () => {
    const value = await read(createMetrics());
    assert.equal(value("tasks_total", succeeded), 0);
    assert.equal(value("model_loads_per_1000_tasks"), 0);
    assert.equal(value("worker_slots", { state: "working" }), 0);
    assert.equal(value("worker_recycles_total", { reason: "tasks" }), 0);
    assert.equal(value("task_errors_total", { code: "PHOTO_NOT_FOUND", blames: "photo" }), 0);
    assert.ok(value("process_memory_bytes", { worker: "supervisor" })! > 1e7);
    assert.ok(
      value("memory_limit_bytes")! > value("process_memory_bytes", { worker: "supervisor" })!,
    );
  });

  test("are the sums of the workers'", async () => {
    const fleet = createMetrics();
    const [a, b] = [{}, {}];
    fleet.update(a, await snapshotOf({ tasks: 1 }));
    fleet.update(a, await snapshotOf({ tasks: 2, active: 1 }));
    fleet.update(b, await snapshotOf({ tasks: 3, active: 2, worker: "cpu1" }));
    const value = await read(fleet);
    assert.equal(value("tasks_total", succeeded), 5);
    assert.equal(value("tasks_active"), 3);
    assert.equal(value("stage_seconds_count", { stage: "decode" }), 5);
    assert.equal(value("queue_wait_seconds_bucket", { le: "10" }), 5);
    assert.equal(value("queue_wait_seconds_bucket", { le: "1" }), 0);
    assert.ok(value("process_memory_bytes", { worker: "cpu1" })! > 0);
  });

  test("keep what a process counted that has gone, and forget what it was like", async () => {
    const fleet = createMetrics();
    for (let i = 0; i < 3; i++) {
      const process = {};
      fleet.update(process, await snapshotOf({ tasks: 2, active: 1 }));
      // Read while it is being added: it is in the sum once, whenever one looks.
      const retired = fleet.retire(process);
      assert.equal((await read(fleet))("tasks_total", succeeded), 2 * (i + 1));
      await retired;
      const value = await read(fleet);
      assert.equal(value("tasks_total", succeeded), 2 * (i + 1));
      assert.equal(value("task_seconds_count"), 2 * (i + 1));
      assert.equal(value("tasks_active"), undefined);
      assert.equal(value("process_memory_bytes", { worker: "cpu0" }), undefined);
    }
    await fleet.retire({});
  });

  test("have the state of each slot", async () => {
    const fleet = createMetrics([
      { ...well, name: "gpu0@host", isOnCpu: true },
      { ...well, name: "cpu1@host", isReady: false, isServed: false, failures: 2 },
    ]);
    fleet.countRecycle("age");
    const value = await read(fleet);
    assert.equal(value("worker_ready", { worker: "gpu0@host" }), 1);
    assert.equal(value("worker_on_cpu", { worker: "gpu0@host" }), 1);
    assert.equal(value("worker_on_cpu", { worker: "cpu1@host" }), 0);
    assert.equal(value("worker_queue_served", { worker: "gpu0@host" }), 1);
    assert.equal(value("worker_queue_served", { worker: "cpu1@host" }), 0);
    assert.equal(value("worker_ready", { worker: "cpu1@host" }), 0);
    assert.equal(value("worker_slots", { state: "working" }), 2);
    assert.equal(value("worker_slots", { state: "starting" }), 0);
    assert.equal(value("worker_failures_total", { worker: "cpu1@host" }), 2);
    assert.equal(value("worker_recycles_total", { reason: "age" }), 1);
  });
});
