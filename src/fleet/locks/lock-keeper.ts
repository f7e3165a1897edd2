import { Worker } from "node:worker_threads";
import { programModule } from "../../base/files/program-file.ts";
import type { Logger } from "../../logger.ts";
import type { HeldLock, JobLocks } from "../jobs/job-locks.ts";
import type { LockMessage, LockOrder, LockThreadData } from "./lock-messages.ts";

export interface LockKeeperOptions extends Omit<LockThreadData, "heartbeat"> {
  /** The thread's module. Default: the one for Redis. */
  readonly module?: URL | undefined;
  readonly logger: Logger;
}

const heartbeatMs = 250;

/** Soon, since the locks of the failed thread expire within their duration. */
const replaceAfterMs = 500;

const redisThread = programModule("fleet/locks/lock-thread");

/**
 * Renews locks from a separate thread, so that a task that blocks the event loop for minutes keeps
 * its job. BullMQ renews by a timer on the event loop: a job that blocks the loop for longer than
 * its lock lasts is run twice.
 */
export class LockKeeper implements JobLocks {
  /**
   * Resolves when the thread is connected. No job may begin before: a starting thread needs the
   * event loop, which the job may block.
   */
  readonly ready: Promise<void>;
  readonly #options: LockKeeperOptions;
  readonly #becameReady = Promise.withResolvers<void>();
  readonly #held = new Map<HeldLock, () => void>();
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

  hold(lock: HeldLock, onLost: () => void): Disposable {
    Atomics.add(this.#heartbeat, 0, 1);
    this.#held.set(lock, onLost);
    this.#send({ hold: lock });
    return {
      [Symbol.dispose]: () => {
        if (this.#held.delete(lock)) this.#send({ release: lock });
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
    const { module = redisThread, connection, renewal } = this.#options;
    const { lockDurationMs, maxBlockedMs } = this.#options;
    const heartbeat = this.#heartbeat.buffer as SharedArrayBuffer;
    const data = { connection, renewal, lockDurationMs, maxBlockedMs, heartbeat };
    const thread = new Worker(module, { workerData: data satisfies LockThreadData });
    thread.unref();
    thread.on("message", (message: LockMessage) => this.#receive(message));
    thread.on("error", (err) =>
      this.#options.logger.error({ err }, "the thread that renews locks failed"),
    );
    thread.once("exit", () => {
      if (this.#isClosing) return;
      this.#replacing = setTimeout(() => this.#replaceThread(), replaceAfterMs).unref();
    });
    return thread;
  }

  #replaceThread(): void {
    this.#thread = this.#startThread();
    for (const lock of this.#held.keys()) this.#send({ hold: lock });
  }

  #send(order: LockOrder): void {
    this.#thread.postMessage(order);
  }

  #receive(message: LockMessage): void {
    if ("ready" in message) this.#becameReady.resolve();
    else if ("lost" in message) this.#lose(message.lost);
    else this.#options.logger.debug({ reason: message.failed }, "locks could not be renewed");
  }

  #lose({ jobId, token }: HeldLock): void {
    for (const [lock, onLost] of this.#held) {
      if (lock.jobId !== jobId || lock.token !== token) continue;
      this.#held.delete(lock);
      onLost();
    }
  }
}
