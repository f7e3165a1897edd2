import type { Logger } from "../../../logger.ts";
import type { RedisQueues } from "./redis-queues.ts";

export interface QueueSweepOptions {
  readonly queues: Pick<RedisQueues, "sweep">;
  /** The longest time between two sweeps. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Puts messages back into their queues when they are due, or when their worker has died. */
export class QueueSweep implements Disposable {
  readonly #options: QueueSweepOptions;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;
  #isOver = false;

  constructor(options: QueueSweepOptions) {
    this.#options = options;
  }

  /** Sweeps after that time, unless a sweep comes first. */
  within(ms: number): void {
    const at = performance.now() + Math.max(0, ms);
    if (at >= this.#at || this.#isOver) return;
    this.#at = at;
    clearTimeout(this.#timer);
    const waitMs = Math.min(Math.max(0, ms), this.#options.intervalMs);
    this.#timer = setTimeout(() => void this.#sweep(), waitMs);
  }

  /** Sweeps now. */
  async now(): Promise<number | undefined> {
    return await this.#options.queues.sweep((tag) =>
      this.#options.logger.warn({ tag }, "a message whose worker is gone waits again"),
    );
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /** Sweeps; again when the next message is due, and now and then in any case. */
  async #sweep(): Promise<void> {
    const { intervalMs, logger } = this.#options;
    let nextMs: number | undefined;
    try {
      nextMs = await this.now();
    } catch (err) {
      logger.debug({ err }, "delayed messages could not be put back");
    }
    this.#at = Number.POSITIVE_INFINITY;
    this.within(Math.min(nextMs ?? intervalMs, intervalMs));
  }
}
