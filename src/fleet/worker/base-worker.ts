import type { Registry } from "prom-client";
import type { OrangeryError } from "../../errors.ts";
import type { QueuePatience } from "../queue/queue-patience.ts";
import type { FleetWorkerCounts, WorkTally } from "./work-tally.ts";
import type { CloseWorkerOptions, WorkerLife } from "./worker-life.ts";

/** The parts of a worker, whatever its queue. */
export interface BaseWorkerParts {
  readonly name: string;
  readonly life: Pick<WorkerLife, "ready" | "start" | "close">;
  readonly tally: Pick<WorkTally, "counts" | "registry">;
  readonly patience: Pick<QueuePatience, "trouble">;
}

/**
 * The owner's interface to a worker, whatever its queue. `WorkerLife` describes the states of a
 * worker.
 */
export abstract class BaseWorker implements AsyncDisposable {
  readonly name: string;
  readonly #parts: BaseWorkerParts;

  constructor(parts: BaseWorkerParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  /** Resolves when the models are loaded and the server is reached; rejects when that fails. */
  get ready(): Promise<void> {
    return this.#parts.life.ready;
  }

  /** Starts taking jobs as soon as the worker is ready. Called automatically with `autostart`. */
  async start(): Promise<void> {
    await this.#parts.life.start();
  }

  /** Why the server does not serve the queue at the moment; undefined if it does. */
  get trouble(): OrangeryError | undefined {
    return this.#parts.patience.trouble;
  }

  get counts(): FleetWorkerCounts {
    return this.#parts.tally.counts;
  }

  /**
   * The worker's metrics: `await worker.metrics.metrics()` is their text as Prometheus reads it.
   */
  get metrics(): Registry {
    return this.#parts.tally.registry;
  }

  /**
   * Takes no more jobs, finishes those that run, and closes. Called again, it may set a nearer
   * deadline.
   */
  async close(options: CloseWorkerOptions = {}): Promise<void> {
    await this.#parts.life.close(options);
  }

  /** Takes no more jobs, cancels those that run, gives them back to the queue, and closes. */
  async abort(): Promise<void> {
    await this.close({ deadlineMs: 0 });
  }

  /** Closes the worker: takes no more jobs and finishes those in progress. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
