import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { errorCodes, isOrangeryError } from "../errors.ts";
import type { ReleaseReason } from "../models/cache/cached-model.ts";
import type { ModelCache, ModelCacheEvents } from "../models/cache/model-cache.ts";
import { addLoadRatio } from "./load-ratio.ts";
import { addModelGauges } from "./model-gauges.ts";

/** How a task ended in a worker. */
export interface FinishedTask {
  readonly outcome: (typeof taskOutcomes)[number];
  /** From 1. */
  readonly attempt: number;
  /** From when it was added to the queue to when it was taken. */
  readonly waitMs: number;
  readonly durationMs: number;
  /** What it failed with. */
  readonly error?: unknown;
}

export interface WorkerMetricsOptions {
  /** The worker's name: the label of its process's metrics. */
  readonly worker: string;
  /** The models' cache; without one there are no figures of models and devices. */
  readonly cache?: ModelCache | undefined;
  /** The number of tasks in progress. */
  readonly active: () => number;
  /** Why the results database cannot be used; undefined where it can. Default: there is none. */
  readonly resultsTrouble?: (() => unknown) | undefined;
}

const taskOutcomes = ["succeeded", "failed", "retrying", "returned", "lost"] as const;
const releaseReasons: Readonly<Record<ReleaseReason, true>> = {
  evict: true,
  expire: true,
  clear: true,
  reload: true,
};
/** The labels of an error that is not one of ours. */
const unknownError = { code: "UNKNOWN", blames: "unknown" };

/** From a millisecond, what a small step takes, to a minute. */
const workBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
/** From 10 ms, an empty queue, to three days, a full one. */
const waitBuckets = [0.01, 0.1, 1, 10, 60, 300, 1800, 7200, 21_600, 86_400, 259_200];
/** From an artifact that is in memory already to a TensorRT engine that is built. */
const loadBuckets = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** The most distinct steps: a task that invents names cannot fill the memory. */
const mostStages = 30;

/**
 * The metrics of one worker, in a registry of their own. Tasks are counted by calls
 * ({@link countTask}, {@link observeTimings}), models by the cache's events; memory and devices are
 * read when the metrics are. `docs/metrics.md` lists them all.
 */
export class WorkerMetrics implements Disposable {
  readonly registry = new Registry();
  readonly #counters = createCounters(this.registry);
  readonly #histograms = createHistograms(this.registry);
  readonly #stages = new Set<string>();
  readonly #listeners = new DisposableStack();

  constructor({ worker, cache, active, resultsTrouble }: WorkerMetricsOptions) {
    const registers = [this.registry];
    new Gauge({
      name: "orangery_tasks_active",
      help: "Tasks in progress",
      registers,
      collect() {
        this.set(active());
      },
    });
    new Gauge({
      name: "orangery_process_memory_bytes",
      help: "Resident memory of a worker's process",
      labelNames: ["worker"],
      registers,
      collect() {
        this.set({ worker }, process.memoryUsage.rss());
      },
    });
    if (resultsTrouble !== undefined) {
      new Gauge({
        name: "orangery_results_reachable",
        help: "1 where the results database answers, else 0",
        labelNames: ["worker"],
        // While a process is replaced, two have the same name.
        aggregator: "min",
        registers,
        collect() {
          this.set({ worker }, Number(resultsTrouble() === undefined));
        },
      });
    }
    addModelGauges(this.registry, cache);
    addLoadRatio(this.registry);
    this.#beginAtZero();
    if (cache !== undefined) this.#follow(cache);
  }

  countTask({ outcome, attempt, waitMs, durationMs, error }: FinishedTask): void {
    this.#counters.tasks.inc({ outcome });
    if (outcome === "failed" || outcome === "retrying") {
      const { code, blames } = isOrangeryError(error) ? error : unknownError;
      this.#counters.errors.inc({ code, blames });
    }
    this.#histograms.task.observe(durationMs / 1000);
    // Only first attempts: later ones were delayed on purpose, and a returned job waits on.
    if (attempt === 1 && outcome !== "returned") {
      this.#histograms.queueWait.observe(waitMs / 1000);
    }
  }

  /** What the steps of one task's work took, in milliseconds by name. */
  observeTimings(timingsMs: Readonly<Record<string, number>>): void {
    for (const [step, ms] of Object.entries(timingsMs)) {
      if (!Number.isFinite(ms)) continue;
      if (this.#stages.size < mostStages) this.#stages.add(step);
      const stage = this.#stages.has(step) ? step : "other";
      this.#histograms.stage.observe({ stage }, ms / 1000);
    }
  }

  /** Stops listening to the cache, which may outlive the worker. */
  [Symbol.dispose](): void {
    this.#listeners.dispose();
  }

  /** For Prometheus, a counter that first appears at 1 has not increased. */
  #beginAtZero(): void {
    const { tasks, errors, releases } = this.#counters;
    for (const outcome of taskOutcomes) tasks.inc({ outcome }, 0);
    for (const reason of Object.keys(releaseReasons)) releases.inc({ reason }, 0);
    errors.inc(unknownError, 0);
    for (const [code, { blames }] of Object.entries(errorCodes)) errors.inc({ code, blames }, 0);
  }

  #follow(cache: ModelCache): void {
    const { hits, releases, fallbacks, overBudget } = this.#counters;
    // Catches up with what happened before it listens.
    for (const { name: model, loadedHere, loadMs = 0, ...info } of cache.info().models) {
      if (loadedHere) this.#countLoad(model, loadMs);
      hits.inc({ model }, info.hits);
    }
    this.#listen(cache, "model:load", ({ name, loaded, loadMs }) => {
      if (loaded) this.#countLoad(name, loadMs);
    });
    this.#listen(cache, "model:hit", ({ name: model }) => hits.inc({ model }));
    this.#listen(cache, "model:release", ({ reason }) => releases.inc({ reason }));
    this.#listen(cache, "device:fallback", ({ from, to }) => fallbacks.inc({ from, to }));
    this.#listen(cache, "memory:over-budget", () => overBudget.inc());
  }

  #listen<K extends keyof ModelCacheEvents>(
    cache: ModelCache,
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): void {
    cache.on(event, listener);
    this.#listeners.defer(() => cache.off(event, listener));
  }

  #countLoad(model: string, loadMs: number): void {
    this.#counters.loads.inc({ model });
    this.#histograms.load.observe(loadMs / 1000);
  }
}

function createCounters(registry: Registry) {
  const create = <T extends string>(name: string, help: string, ...labelNames: T[]) =>
    new Counter({ name: `orangery_${name}`, help, labelNames, registers: [registry] });
  return {
    tasks: create("tasks_total", "Tasks that a worker was done with", "outcome"),
    errors: create(
      "task_errors_total",
      "Attempts at tasks that failed, by the error's code",
      "code",
      "blames",
    ),
    loads: create("model_loads_total", "Models loaded from disk", "model"),
    hits: create("model_hits_total", "Times a model was asked for and was there", "model"),
    releases: create("model_releases_total", "Models that left the cache", "reason"),
    fallbacks: create(
      "device_fallbacks_total",
      "Models that run on another device than the one wanted",
      "from",
      "to",
    ),
    overBudget: create(
      "memory_over_budget_total",
      "Times that models took more than the memory budget and none could go",
    ),
  };
}

function createHistograms(registry: Registry) {
  const create = <T extends string>(
    name: string,
    options: { help: string; buckets: number[]; labelNames?: T[] },
  ) => new Histogram({ name: `orangery_${name}`, ...options, registers: [registry] });
  return {
    task: create("task_seconds", {
      help: "Time from taking a task to being done with it",
      buckets: workBuckets,
    }),
    stage: create("stage_seconds", {
      help: "Time that a step of a task's work took",
      buckets: workBuckets,
      labelNames: ["stage"],
    }),
    queueWait: create("queue_wait_seconds", {
      help: "Time from adding a task to taking it for the first time",
      buckets: waitBuckets,
    }),
    load: create("model_load_seconds", {
      help: "Time that loading a model took",
      buckets: loadBuckets,
    }),
  };
}
