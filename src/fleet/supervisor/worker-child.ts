import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OrangeryError } from "../../errors.ts";
import { cacheFolder } from "../../models/files/cache-folder.ts";
import type { MetricsSnapshot } from "../../monitor/metrics-snapshot.ts";
import type {
  WorkerConfig,
  WorkerDevice,
  WorkerMessage,
  WorkerOrder,
  WorkerStats,
} from "../process/worker-messages.ts";

export interface WorkerChildOptions {
  /** The program of a worker process. */
  readonly entry: URL;
  /** Of its command line. */
  readonly arguments: readonly string[];
  readonly config: WorkerConfig;
  readonly onStats: (stats: WorkerStats) => void;
  readonly onMetrics: (metrics: MetricsSnapshot) => void;
  /** It tells nothing any more: everything that it had told is heard. */
  readonly onSilence: () => void;
}

/** How a worker process ended. */
export interface WorkerExit {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A small nursery for new objects: with the large one that V8 takes on such machines by itself, a
 * worker of YOLO11n took 394 MB after 4,000 photos instead of 216 MB, and was no faster.
 */
const nodeArguments = ["--max-semi-space-size=2"];

/** A worker process, as its supervisor sees it. */
export class WorkerChild {
  /** The device that it works on; rejects when it fails, or ends, before it is ready. */
  readonly ready: Promise<WorkerDevice>;
  /** When it has ended, in whatever way. */
  readonly exited: Promise<WorkerExit>;
  /** When it takes jobs. */
  readonly taking: Promise<void>;
  /** When it takes no more jobs and has none in hand, or has ended. */
  readonly drained: Promise<unknown>;
  readonly startedAt = performance.now();
  readonly #process: ChildProcess;
  readonly #options: WorkerChildOptions;
  readonly #becameReady = Promise.withResolvers<WorkerDevice>();
  readonly #tookJobs = Promise.withResolvers<void>();
  readonly #finishedJobs = Promise.withResolvers<void>();
  #stats: WorkerStats | undefined;
  #lastHeardAt = performance.now();
  #isGone = false;

  constructor(options: WorkerChildOptions) {
    this.#options = options;
    this.#process = fork(fileURLToPath(options.entry), options.arguments, {
      env: withCompileCache(process.env),
      execArgv: nodeArguments,
      serialization: "advanced",
    });
    this.ready = this.#becameReady.promise;
    // Whoever waits hears of it; a process may fail when nobody does.
    this.ready.catch(() => {});
    this.taking = this.#tookJobs.promise;
    const exited = Promise.withResolvers<WorkerExit>();
    this.exited = exited.promise;
    this.drained = Promise.race([this.#finishedJobs.promise, this.exited]);
    this.#process.on("message", (report: WorkerMessage) => this.#hear(report));
    this.#process.on("error", (error) => this.#becameReady.reject(error));
    // After the last message, which an exit may come before.
    this.#process.once("disconnect", options.onSilence);
    this.#process.once("exit", (status, signal) => {
      this.#isGone = true;
      this.#becameReady.reject(endedEarly({ status, signal }));
      exited.resolve({ status, signal });
    });
    this.#send({ type: "begin", config: options.config });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** The last that it told. */
  get stats(): WorkerStats | undefined {
    return this.#stats;
  }

  /** For how long it has told nothing. */
  get silentMs(): number {
    return performance.now() - this.#lastHeardAt;
  }

  /** Lets it take jobs. */
  take(): void {
    this.#send({ type: "take" });
  }

  /** Lets it finish what it has and end; after the deadline it gives its jobs back. */
  drain(deadlineMs: number): void {
    this.#send({ type: "drain", deadlineMs });
  }

  /** Ends it at once. Its jobs wait until their locks have run out. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #send(order: WorkerOrder): void {
    // One that is gone, or just going, is heard of by its exit.
    if (this.#process.connected) this.#process.send(order, () => {});
  }

  #hear(report: WorkerMessage): void {
    this.#lastHeardAt = performance.now();
    if (report.type === "failed") this.#becameReady.reject(failed(report));
    else if (report.type === "taking") this.#tookJobs.resolve();
    else if (report.type === "drained") this.#finishedJobs.resolve();
    else if (report.type === "metrics") this.#options.onMetrics(report.metrics);
    else {
      this.#stats = report.stats;
      if (report.type === "ready") this.#becameReady.resolve(report.device);
      else this.#options.onStats(report.stats);
    }
  }
}

/**
 * Node keeps what it compiled for the next process: a start takes 0.2 s of a CPU instead of 0.6 s,
 * which is the larger part of what recycling costs. Coverage would be less exact with it.
 */
function withCompileCache(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folder = cacheFolder(env);
  if (folder === undefined || env.NODE_V8_COVERAGE !== undefined) return env;
  return { NODE_COMPILE_CACHE: join(folder, "compiled"), ...env };
}

function failed({ code, message }: { code: string; message: string }): OrangeryError {
  return new OrangeryError(
    "WORKER_NOT_READY",
    `Expected the worker process to load its models and do a first piece of work, but it failed: ${message} [${code}]`,
    { details: { code, message } },
  );
}

function endedEarly({ status, signal }: WorkerExit): OrangeryError {
  return new OrangeryError(
    "WORKER_NOT_READY",
    `Expected the worker process to become ready, but it ended with ${signal ?? `status ${status}`}. Read its log, and look at the memory.`,
    { details: { status, signal } },
  );
}
