import type { Registry } from "prom-client";
import type { Logger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import type { JobEnd } from "../jobs/job-end.ts";
import { WorkSummary } from "./work-summary.ts";

/** What a worker has done since it was created. */
export interface FleetWorkerCounts {
  /** Jobs that are running. */
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retrying: number;
  readonly returned: number;
  readonly lost: number;
}

export interface WorkTallyOptions {
  readonly name: string;
  readonly cache: ModelCache;
  /** The number of jobs that are running. */
  readonly active: () => number;
  /** Returns what a task logs of a result. */
  readonly resultLogFields: (result: never) => object;
  /** Counts for several workers together; their maker disposes it. Default: one of its own. */
  readonly metrics?: WorkerMetrics | undefined;
  readonly onJobEnd?: ((end: JobEnd) => void) | undefined;
  readonly logger: Logger;
}

/** Counts what a worker does, for its owner, its log and its metrics. */
export class WorkTally implements Disposable {
  readonly #options: WorkTallyOptions;
  readonly #counts = { succeeded: 0, failed: 0, retrying: 0, returned: 0, lost: 0 };
  readonly #summary: WorkSummary;
  readonly #metrics: WorkerMetrics;

  constructor(options: WorkTallyOptions) {
    this.#options = options;
    this.#summary = new WorkSummary(options);
    const { name: worker, cache, active, metrics } = options;
    this.#metrics = metrics ?? new WorkerMetrics({ worker, cache, active });
  }

  get counts(): FleetWorkerCounts {
    return { active: this.#options.active(), ...this.#counts };
  }

  /** Running jobs, and jobs that have ended for good. */
  get progress(): { readonly active: number; readonly ended: number } {
    return { active: this.#options.active(), ended: this.#counts.succeeded + this.#counts.failed };
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  readonly countEnd = (end: JobEnd): void => {
    this.#counts[end.outcome]++;
    this.#summary.count(end);
    this.#metrics.countTask(end);
    try {
      this.#options.onJobEnd?.(end);
    } catch (err) {
      // A listener that throws must not fail the job.
      this.#options.logger.error({ err }, "a listener of a job's end threw");
    }
  };

  readonly observeTimings = (timingsMs: Readonly<Record<string, number>>): void => {
    this.#metrics.observeTimings(timingsMs);
  };

  [Symbol.dispose](): void {
    this.#summary[Symbol.dispose]();
    if (this.#options.metrics === undefined) this.#metrics[Symbol.dispose]();
  }
}
