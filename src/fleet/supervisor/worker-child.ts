import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { MetricsSnapshot } from "../../monitor/metrics-snapshot.ts";
import type { StartFailure } from "../process/start-failure.ts";
import type {
  WorkerConfig,
  WorkerDevice,
  WorkerMessage,
  WorkerStats,
} from "../process/worker-messages.ts";
import type { StartedProcess, StartProcess, WorkerExit } from "./start-process.ts";

export interface WorkerChildOptions {
  readonly startProcess: StartProcess;
  readonly config: WorkerConfig;
  readonly onStats: (stats: WorkerStats) => void;
  readonly onMetrics: (metrics: MetricsSnapshot) => void;
  /** Somebody has asked it to end, for good. */
  readonly onShutdown?: (() => void) | undefined;
  readonly onRecycle?: (() => void) | undefined;
  /** Somebody has let it take no more jobs, or jobs again. */
  readonly onDirected?: ((isTaking: boolean) => void) | undefined;
  /** Every message has been received. */
  readonly onSilence: () => void;
}

/** A worker process, as its supervisor sees it. */
export class WorkerChild {
  /** Resolves when the process is ready; rejects when it fails, or ends, before. */
  readonly ready: Promise<void>;
  /** Resolves when it takes jobs. */
  readonly taking: Promise<void>;
  /** Resolves when it takes no more jobs and none is running, or when it has ended. */
  readonly drained: Promise<unknown>;
  /** Resolves when it has ended, in whatever way. */
  readonly exited: Promise<WorkerExit>;
  readonly startedAt = performance.now();
  readonly #process: StartedProcess;
  readonly #options: WorkerChildOptions;
  readonly #becameReady = Promise.withResolvers<void>();
  readonly #tookJobs = Promise.withResolvers<void>();
  readonly #finishedJobs = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<WorkerExit>();
  #device: WorkerDevice | undefined;
  #startMs = 0;
  #stats: WorkerStats | undefined;
  #lastMessageAt = performance.now();
  #failure: StartFailure | undefined;
  #isGone = false;

  constructor(options: WorkerChildOptions) {
    this.#options = options;
    this.ready = this.#becameReady.promise;
    // It may fail while nobody awaits it.
    this.ready.catch(() => {});
    this.taking = this.#tookJobs.promise;
    this.exited = this.#exited.promise;
    this.drained = Promise.race([this.#finishedJobs.promise, this.exited]);
    this.#process = options.startProcess({
      onMessage: (message) => this.#receive(message),
      onError: (error) => this.#becameReady.reject(error),
      onExit: (exit) => this.#end(exit),
      onSilence: options.onSilence,
    });
    this.#process.send({ type: "begin", config: options.config });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Why it cannot work, where it has reported that. */
  get failure(): StartFailure | undefined {
    return this.#failure;
  }

  /** Where it works; undefined before it is ready. */
  get device(): WorkerDevice | undefined {
    return this.#device;
  }

  /** How long it took to become ready. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Its last report. */
  get stats(): WorkerStats | undefined {
    return this.#stats;
  }

  /** For how long it has reported nothing. */
  get silentMs(): number {
    return performance.now() - this.#lastMessageAt;
  }

  /** Lets it take jobs. */
  take(): void {
    this.#process.send({ type: "take" });
  }

  /** Lets it take jobs as soon as it may, or none until it is directed again. */
  direct(isTaking: boolean): void {
    this.#process.send({ type: "direct", isTaking });
  }

  /** Lets it finish its jobs and end; after the deadline it gives them back. */
  drain(deadlineMs: number): void {
    this.#process.send({ type: "drain", deadlineMs });
  }

  /** Ends it at once. Its jobs wait until their locks have expired. */
  kill(): void {
    this.#process.kill();
  }

  #receive(message: WorkerMessage): void {
    this.#lastMessageAt = performance.now();
    if (message.type === "failed") {
      this.#failure = message;
      this.#becameReady.reject(failed(message));
    } else if (message.type === "taking") this.#tookJobs.resolve();
    else if (message.type === "recycle") this.#options.onRecycle?.();
    else if (message.type === "directed") this.#options.onDirected?.(message.isTaking);
    else if (message.type === "shutdown") this.#options.onShutdown?.();
    else if (message.type === "drained") this.#finishedJobs.resolve();
    else if (message.type === "metrics") this.#options.onMetrics(message.metrics);
    else if (message.type === "stats") {
      this.#stats = message.stats;
      this.#options.onStats(message.stats);
    } else {
      this.#stats = message.stats;
      this.#device = message.device;
      this.#startMs = performance.now() - this.startedAt;
      this.#becameReady.resolve();
    }
  }

  #end(exit: WorkerExit): void {
    this.#isGone = true;
    this.#becameReady.reject(endedEarly(exit));
    this.#exited.resolve(exit);
  }
}

/** `it ended with SIGKILL` */
export function describeExit({ status, signal }: WorkerExit): string {
  return `it ended with ${signal ?? `status ${status}`}`;
}

/** What a process that was not ready has reported; undefined if it reported nothing. */
export function startFailureOf(error: unknown): StartFailure | undefined {
  if (!isOrangeryError(error, "WORKER_NOT_READY")) return undefined;
  return error.details.failure as StartFailure | undefined;
}

function failed({ code, message, ruledOut }: StartFailure): OrangeryError {
  return new OrangeryError(
    "WORKER_NOT_READY",
    "Expected the worker process to load its models and do a first run, " +
      `but it failed: ${message} [${code}]`,
    { details: { failure: { code, message, ruledOut } } },
  );
}

function endedEarly(exit: WorkerExit): OrangeryError {
  return new OrangeryError(
    "WORKER_NOT_READY",
    `Expected the worker process to become ready, but ${describeExit(exit)}. ` +
      "Read its log, and look at the memory.",
    { details: { ...exit } },
  );
}
