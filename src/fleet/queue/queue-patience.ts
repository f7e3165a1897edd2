import { tryAgain } from "../../base/try-again.ts";
import type { ErrorCode, OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { toQueueError, toQueueTrouble } from "./queue-errors.ts";

export interface QueuePatienceOptions {
  readonly queue: string;
  readonly logger: Logger;
  /** First and longest pause between two requests. Default 0.2 s and 5 s. */
  readonly pauseMs?: readonly [first: number, longest: number];
}

export interface RepeatOptions {
  /** Repeats whatever Redis replies. Default: only after a reply that may pass. */
  readonly always?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Waits for a Redis that answers but does not serve: a replica, one whose memory or disk is full, one
 * that loads its data. Without it, BullMQ's worker asks thousands of times a second. Trouble is logged
 * once for each kind, until a request succeeds again.
 */
export class QueuePatience {
  readonly #options: QueuePatienceOptions;
  readonly #troubles = new Map<ErrorCode, OrangeryError>();

  constructor(options: QueuePatienceOptions) {
    this.#options = options;
  }

  /** Why the queue is not served now. */
  get trouble(): OrangeryError | undefined {
    return this.#troubles.values().next().value;
  }

  /** Logs trouble, unless it is known. */
  report(error: unknown): OrangeryError {
    const { queue, logger } = this.#options;
    const trouble = toQueueTrouble(error, queue);
    if (!this.#troubles.has(trouble.code)) {
      this.#troubles.set(trouble.code, trouble);
      logger.warn({ err: trouble }, "the queue has a problem");
    }
    return trouble;
  }

  /**
   * Sends a request again and again until Redis serves it.
   *
   * @throws the error of a reply that does not pass, as one of ours; any other failure of the request;
   *   the signal's reason
   */
  async repeat<T>(
    request: () => Promise<T>,
    { always = false, signal }: RepeatOptions = {},
  ): Promise<T> {
    const { queue, logger, pauseMs = [200, 5_000] } = this.#options;
    const isPassing = (error: unknown) => {
      const refusal = toQueueError(error, queue);
      if (refusal === undefined || !(always || refusal.retryable)) return false;
      this.report(refusal);
      return true;
    };
    try {
      const answer = await tryAgain({ isPassing, pauseMs, signal }, request);
      if (this.#troubles.size > 0) logger.info({}, "the queue is served again");
      this.#troubles.clear();
      return answer;
    } catch (error) {
      throw toQueueError(error, queue) ?? error;
    }
  }
}
