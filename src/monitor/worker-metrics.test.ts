import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { errorCodes, OrangeryError } from "../errors.ts";
import { ModelCache } from "../models/cache/model-cache.ts";
import { blackPhoto, TinyModels } from "../tasks/tiny-models.fixture.ts";
import { parsePrometheusText, sampleValue } from "./prometheus-text.fixture.ts";
import { WorkerMetrics, type WorkerMetricsOptions } from "./worker-metrics.ts";

let models: TinyModels;

before(async () => {
  models = await TinyModels.create();
});
after(() => models[Symbol.asyncDispose]());

function createMetrics(options: Partial<WorkerMetricsOptions> = {}): WorkerMetrics {
  return new WorkerMetrics({ worker: "cpu0@host", active: () => 0, ...options });
}

async function read({ registry }: WorkerMetrics) {
  const families = parsePrometheusText(await registry.metrics());
  return (name: string, labels: Record<string, string> = {}) =>
    sampleValue(families, `orangery_${name}`, labels);
}

describe("the metrics of a worker", () => {
  test("are valid before anything has happened, with every counter at 0", async () => {
    const value = await read(createMetrics());
    for (const reason of ["evict", "expire", "clear", "reload"]) {
      assert.equal(value("model_releases_total", { reason }), 0);
    }
    for (const [code, { blames }] of Object.entries(errorCodes)) {
      assert.equal(value("task_errors_total", { code, blames }), 0);
    }
    for (const outcome of ["succeeded", "failed", "retrying", "returned", "lost"]) {
      assert.equal(value("tasks_total", { outcome }), 0);
    }
    assert.equal(value("model_loads_per_1000_tasks"), 0);
    assert.equal(value("queue_wait_seconds_count"), 0);
  });

  test("count tasks by outcome, and only the first wait in the queue", async () => {
    const metrics = createMetrics({ active: () => 3 });
    const task = { attempt: 1, waitMs: 2000, durationMs: 300 } as const;
    const error = new OrangeryError("PHOTO_FETCH_FAILED", "no answer");
    metrics.countTask({ ...task, outcome: "retrying", error });
    metrics.countTask({ ...task, outcome: "failed", attempt: 2, error: new TypeError("a bug") });
    metrics.countTask({ ...task, outcome: "succeeded", attempt: 2, waitMs: 9000 });
    metrics.countTask({ ...task, outcome: "returned" });
    const value = await read(metrics);
    assert.equal(value("tasks_total", { outcome: "retrying" }), 1);
    assert.equal(value("tasks_total", { outcome: "succeeded" }), 1);
    const fetching = { code: "PHOTO_FETCH_FAILED", blames: "photo" };
    assert.equal(value("task_errors_total", fetching), 1);
    assert.equal(value("task_errors_total", { code: "UNKNOWN", blames: "unknown" }), 1);
    assert.equal(value("task_seconds_count"), 4);
    assert.equal(value("task_seconds_bucket", { le: "0.25" }), 0);
    assert.equal(value("task_seconds_bucket", { le: "0.5" }), 4);
    assert.equal(value("queue_wait_seconds_count"), 1);
    assert.equal(value("queue_wait_seconds_sum"), 2);
    assert.equal(value("tasks_active"), 3);
  });

  test("have whether the results database answers, where there is one", async () => {
    let failure: Error | undefined;
    const metrics = createMetrics({ resultsTrouble: () => failure });
    const at = { worker: "cpu0@host" };
    assert.equal((await read(metrics))("results_reachable", at), 1);
    failure = new OrangeryError("LEDGER_UNREACHABLE", "no answer");
    assert.equal((await read(metrics))("results_reachable", at), 0);
    assert.equal((await read(createMetrics()))("results_reachable", at), undefined);
  });

  test("keep the steps of the work apart, and memory safe from made-up steps", async () => {
    const metrics = createMetrics();
    metrics.observeTimings({ decode: 20, inference: 40, odd: Number.NaN });
    metrics.observeTimings({ decode: 30 });
    for (let i = 0; i < 1000; i++) metrics.observeTimings({ [`step "${i}"\n`]: 1 });
    const value = await read(metrics);
    assert.equal(value("stage_seconds_count", { stage: "decode" }), 2);
    assert.equal(value("stage_seconds_sum", { stage: "decode" }), 0.05);
    assert.equal(value("stage_seconds_count", { stage: "odd" }), undefined);
    assert.equal(value("stage_seconds_count", { stage: 'step "3"\n' }), 1);
    assert.equal(value("stage_seconds_count", { stage: "other" }), 1000 - 28);
  });

  test("follow the cache: loads, hits, releases, fallbacks, what is loaded", async () => {
    await using cache = new ModelCache({ models: models.files, device: "cuda:0" });
    using metrics = createMetrics({ cache });
    for (let i = 0; i < 3; i++) {
      await using lease = await cache.acquire("detect");
      await lease.model.predict(blackPhoto);
    }
    const outcome = "succeeded";
    for (let i = 0; i < 4; i++)
      metrics.countTask({ outcome, attempt: 1, waitMs: 0, durationMs: 1 });
    const device = cache.info().models[0]!.device!;
    const value = await read(metrics);
    assert.equal(value("model_loads_total", { model: "detect" }), 1);
    assert.equal(value("model_load_seconds_count"), 1);
    assert.equal(value("model_hits_total", { model: "detect" }), 2);
    assert.equal(value("models_loaded", { model: "detect", device }), 1);
    assert.equal(value("model_loads_per_1000_tasks"), 250);
    const fellBack = device === "cpu" ? 1 : undefined;
    assert.equal(value("device_fallbacks_total", { from: "cuda:0", to: "cpu" }), fellBack);
    assert.ok(value("process_memory_bytes", { worker: "cpu0@host" })! > 1e7);
    await cache.clear();
    const after = await read(metrics);
    assert.equal(after("model_releases_total", { reason: "clear" }), 1);
    assert.equal(after("models_loaded", { model: "detect", device }), undefined);
  });

  test("count what a cache had loaded before, and nothing after they are disposed", async () => {
    await using cache = new ModelCache({ models: models.files, device: "cpu" });
    await (await cache.acquire("detect"))[Symbol.asyncDispose]();
    await (await cache.acquire("detect"))[Symbol.asyncDispose]();
    const metrics = createMetrics({ cache });
    metrics[Symbol.dispose]();
    await (await cache.acquire("segment"))[Symbol.asyncDispose]();
    const value = await read(metrics);
    assert.equal(value("model_loads_total", { model: "detect" }), 1);
    assert.equal(value("model_hits_total", { model: "detect" }), 1);
    assert.equal(value("model_loads_total", { model: "segment" }), undefined);
  });
});
