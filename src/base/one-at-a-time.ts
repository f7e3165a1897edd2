import { untilAborted } from "./abort.ts";

/**
 * Runs one piece of work at a time, first come, first served. A waiting caller that aborts leaves
 * the queue; a running one's place is freed when its work ends, not when its caller leaves.
 */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();
  #busySince: number | undefined;

  /** How long the current work has been running; 0 if none is. */
  get busyMs(): number {
    return this.#busySince === undefined ? 0 : performance.now() - this.#busySince;
  }

  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    try {
      await untilAborted(before, signal);
      return await this.#clock(work);
    } finally {
      void before.then(done.resolve);
    }
  }

  async #clock<T>(work: () => Promise<T>): Promise<T> {
    this.#busySince = performance.now();
    try {
      return await work();
    } finally {
      this.#busySince = undefined;
    }
  }
}
