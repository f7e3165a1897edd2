import { toQueueTrouble } from "./queue-errors.ts";
import type { QueuePatience } from "./queue-patience.ts";

/**
 * Sorts the troubles of a connection. Before the server is reached, a refusal that does not pass is
 * why a worker is not ready; whatever comes later is waited for.
 */
export class FirstContact {
  /** Rejects when the server refuses for good, before it is reached; never resolves. */
  readonly refusal: Promise<never>;
  readonly #queue: string;
  readonly #patience: QueuePatience;
  readonly #refused = Promise.withResolvers<never>();
  #isReached = false;

  constructor({ queue, patience }: { readonly queue: string; readonly patience: QueuePatience }) {
    this.#queue = queue;
    this.#patience = patience;
    this.refusal = this.#refused.promise;
    // Nobody may be waiting yet.
    this.refusal.catch(() => {});
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  /** From now on the server is known to serve the queue. */
  reached(): void {
    this.#isReached = true;
  }

  readonly receive = (error: unknown): void => {
    const trouble = toQueueTrouble(error, this.#queue);
    if (this.#isReached || trouble.retryable) this.#patience.report(trouble);
    else this.#refused.reject(trouble);
  };
}
