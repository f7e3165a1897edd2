import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Logger } from "../../logger.ts";
import type { HeldLock, LockMessage, LockOrder, LockThreadData } from "./lock-messages.ts";

export interface LockKeeperOptions extends Omit<LockThreadData, "heartbeat"> {
  readonly logger: Logger;
  /** The queue took this lock's job back. */
  readonly onLost: (lock: HeldLock) => void;
}

const heartbeatMs = 250;

/** Soon: the locks that a thread kept run out within their duration. */
const replaceAfterMs = 500;

// The file beside this one, under the name that it has here: .ts, or .js in the published package.
const threadFile = new URL(`./lock-thread${extname(import.meta.url)}`, import.meta.url);

/**
 * Renews the locks of a worker's jobs for as long as the jobs run, from a thread of its own: a task
 * that blocks the event loop for minutes keeps its job. BullMQ's own renewal is a timer of the event
 * loop, and a job that blocks it past the lock's duration is done twice.
 */
export class LockKeeper implements AsyncDisposable {
  /**
   * When the thread has its connection. A job must not begin before: a thread that is just starting
   * needs the event loop that the job may block.
   */
  readonly ready: Promise<void>;
  readonly #options: LockKeeperOptions;
  readonly #becameReady = Promise.withResolvers<void>();
  readonly #held = new Set<HeldLock>();
  readonly #heartbeat = new Int32Array(new SharedArrayBuffer(4));
  readonly #beating: NodeJS.Timeout;
  #thread: Worker;
  #replacing: NodeJS.Timeout | undefined;
  #isClosing = false;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
    this.ready = this.#becameReady.promise;
    this.#thread = this.#startThread();
    this.#beating = setInterval(() => Atomics.add(this.#heartbeat, 0, 1), heartbeatMs).unref();
  }

  /** Keeps a lock until what it gives is disposed. */
  hold(lock: HeldLock): Disposable {
    Atomics.add(this.#heartbeat, 0, 1);
    this.#held.add(lock);
    this.#tell({ hold: lock });
    return {
      [Symbol.dispose]: () => {
        if (this.#held.delete(lock)) this.#tell({ release: lock });
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearInterval(this.#beating);
    clearTimeout(this.#replacing);
    await this.#thread.terminate();
  }

  #startThread(): Worker {
    const { connection, queue, prefix, lockDurationMs, maxBlockedMs } = this.#options;
    const heartbeat = this.#heartbeat.buffer as SharedArrayBuffer;
    const data = { connection, queue, prefix, lockDurationMs, maxBlockedMs, heartbeat };
    const thread = new Worker(threadFile, { workerData: data satisfies LockThreadData });
    thread.unref();
    thread.on("message", (report: LockMessage) => this.#hear(report));
    thread.on("error", (err) =>
      this.#options.logger.error({ err }, "the thread that keeps locks failed"),
    );
    thread.once("exit", () => {
      if (this.#isClosing) return;
      this.#replacing = setTimeout(() => this.#replaceThread(), replaceAfterMs).unref();
    });
    return thread;
  }

  #replaceThread(): void {
    this.#thread = this.#startThread();
    for (const lock of this.#held) this.#tell({ hold: lock });
  }

  #tell(order: LockOrder): void {
    this.#thread.postMessage(order);
  }

  #hear(report: LockMessage): void {
    if ("ready" in report) this.#becameReady.resolve();
    else if ("lost" in report) this.#lose(report.lost);
    else this.#options.logger.debug({ reason: report.failed }, "locks could not be renewed");
  }

  #lose({ jobId, token }: HeldLock): void {
    for (const lock of this.#held) {
      if (lock.jobId !== jobId || lock.token !== token) continue;
      this.#held.delete(lock);
      this.#options.onLost(lock);
    }
  }
}
