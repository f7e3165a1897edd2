import { untilAborted } from "../../base/abort.ts";
import {
  checkOptions,
  type Defined,
  numberFrom,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { FoundPhoto, ResultStore } from "./result-store.ts";

export interface ResultWriterOptions {
  /** Results in one transaction at most. At least 1, default 1,000. */
  readonly maxBatch?: number | undefined;
  /** How long a result waits for others at most. At least 0, default 20. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Results that may wait to be written; {@link ResultWriter.ready} waits while there are more.
   * Each holds its objects and masks in memory. At least 1, default 2,000.
   */
  readonly maxWaiting?: number | undefined;
}

interface WaitingPhoto {
  readonly photo: FoundPhoto;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes results in batches: a transaction costs a server a round trip and a disk a sync, whatever
 * its size. A batch is written when it is full, or when its first result has waited `maxDelayMs`.
 * One batch is written at a time, and results that arrive meanwhile become the next.
 */
export class ResultWriter implements AsyncDisposable {
  readonly #store: ResultStore;
  readonly #options: Defined<ResultWriterOptions>;
  #waiting: WaitingPhoto[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #inBatch = 0;
  #room = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(
    store: ResultStore,
    { maxBatch = 1000, maxDelayMs = 20, maxWaiting = 2000 }: ResultWriterOptions = {},
  ) {
    checkOptions({ maxBatch, maxWaiting }, wholeNumberFrom(1));
    checkOptions({ maxDelayMs }, numberFrom(0));
    this.#store = store;
    this.#options = { maxBatch, maxDelayMs, maxWaiting };
  }

  /** Results that are not committed yet. */
  get waiting(): number {
    return this.#waiting.length + this.#inBatch;
  }

  /** Resolves when there is room for another result. */
  async ready({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    while (this.waiting >= this.#options.maxWaiting) {
      await untilAborted(this.#room.promise, signal);
    }
  }

  /**
   * Resolves when the result is committed; rejects when it cannot be, with the error of its own
   * transaction. Await it, or {@link ready} before the next, to keep memory bounded. A caller that
   * aborts no longer waits; the result is written all the same.
   */
  async record(
    photo: FoundPhoto,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    if (this.#isClosed) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        "Expected a writer that is open, but it was closed. Record before it is closed.",
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ photo, resolve, reject });
    this.#schedule();
    await untilAborted(promise, signal);
  }

  /** Writes what waits, and closes. Idempotent. Failures reject the calls of `record`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    while (this.waiting > 0) {
      this.#write();
      await this.#writing;
    }
  }

  #schedule(): void {
    if (this.#waiting.length >= this.#options.maxBatch) this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), this.#options.maxDelayMs);
  }

  /** Begins to write a batch, unless one is being written: its end begins the next. */
  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing !== undefined || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, this.#options.maxBatch);
    this.#inBatch = batch.length;
    this.#writing = this.#writeBatch(batch).finally(() => {
      this.#writing = undefined;
      this.#inBatch = 0;
      this.#room.resolve();
      this.#room = Promise.withResolvers();
      // Results that waited for this batch do not wait any longer.
      this.#write();
    });
  }

  /** Never rejects. */
  async #writeBatch(batch: readonly WaitingPhoto[]): Promise<void> {
    try {
      await this.#store.record(batch.map(({ photo }) => photo));
      for (const { resolve } of batch) resolve();
    } catch (error) {
      const isOwnFault = !(error instanceof OrangeryError) || !error.retryable;
      if (batch.length === 1 || !isOwnFault) {
        for (const { reject } of batch) reject(error);
        return;
      }
      // A refused result must not block the others.
      for (const item of batch) await this.#writeBatch([item]);
    }
  }
}
