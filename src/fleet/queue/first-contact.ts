import { toQueueFailure } from "./queue-errors.ts";
import type { QueuePatience } from "./queue-patience.ts";

/**
 * Classifies a connection's problems. Until the server is first reached, a permanent refusal means
 * that the worker is not ready; later problems are waited out.
 */
export class FirstContact {
  /** Rejects if the server refuses permanently before it was ever reached; never resolves. */
  readonly refusal: Promise<never>;
  readonly #queue: string;
  readonly #patience: QueuePatience;
  readonly #refused = Promise.withResolvers<never>();
  #isReached = false;

  constructor({ queue, patience }: { readonly queue: string; readonly patience: QueuePatience }) {
    this.#queue = queue;
    this.#patience = patience;
    this.refusal = this.#refused.promise;
    // Nobody may be awaiting it yet.
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
    const failure = toQueueFailure(error, this.#queue);
    if (this.#isReached || failure.retryable) this.#patience.report(failure);
    else this.#refused.reject(failure);
  };
}
