import type { Worker } from "bullmq";

/** A lock is identified by its token, too: the job may meanwhile be locked by another worker. */
export interface HeldLock {
  readonly jobId: string;
  readonly token: string;
}

/** How long a worker's jobs stay its own. */
export interface LockPolicy {
  /**
   * How long a job is locked to its worker. The lock is renewed for as long as the job runs; after
   * a worker's death its jobs wait this long. From 1 s; default 30 s.
   */
  readonly lockDurationMs?: number | undefined;
  /** A worker whose event loop is blocked for longer loses its jobs. Default 10 minutes. */
  readonly maxBlockedMs?: number | undefined;
}

/** Renews the locks of jobs for as long as they run. */
export interface JobLocks extends AsyncDisposable {
  /** Resolves when locks can be held. */
  readonly ready: Promise<void>;
  /**
   * Keeps a lock until the returned object is disposed.
   *
   * @param onLost called when the queue takes the job back before
   */
  hold(lock: HeldLock, onLost: () => void): Disposable;
}

/** The locks that BullMQ renews itself, by a timer of the event loop. */
export class BullmqLocks implements JobLocks {
  readonly ready = Promise.resolve();
  readonly #held = new Map<string, () => void>();

  constructor(worker: Pick<Worker, "on">) {
    worker.on("lockRenewalFailed", (jobIds: string[]) => {
      for (const jobId of jobIds) this.#held.get(jobId)?.();
    });
  }

  hold({ jobId }: HeldLock, onLost: () => void): Disposable {
    this.#held.set(jobId, onLost);
    return {
      [Symbol.dispose]: () => {
        if (this.#held.get(jobId) === onLost) this.#held.delete(jobId);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
