import { Queue } from "bullmq";
import { settlesWithin } from "../../base/abort.ts";
import type { QueueDepth, QueueReading } from "../../monitor/queue-gauges.ts";
import { type QueuePlace, toConnectionOptions } from "../queue/redis-connection.ts";
import { readQueueDepth } from "./queue-depth.ts";

export interface QueueWatchOptions extends QueuePlace {
  /** Reads the depths by way of a queue's connection. Default: the queue itself is read. */
  readonly readDepths?: ((queue: Queue) => Promise<readonly QueueDepth[]>) | undefined;
  /** A reading is used again for this long. Default 5 s. */
  readonly maxAgeMs?: number | undefined;
  /** How long a reading may take. Default 2 s: those who scrape wait for 10 s. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Reads the depth of a queue whenever it is asked for, at most every few seconds, so that any
 * number of scrapes cost Redis nothing. A Redis that is away is no error: there are no depths then.
 */
export class QueueWatch implements AsyncDisposable {
  readonly #options: QueueWatchOptions;
  #queue: Queue | undefined;
  #last: { readonly at: number; readonly depths: readonly QueueDepth[] } | undefined;
  #pending: Promise<void> | undefined;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async read(): Promise<QueueReading> {
    const { queue, timeoutMs = 2_000 } = this.#options;
    if (!this.#isFresh) {
      // One request at a time: those to a Redis that is away stay pending until it is back.
      this.#pending ??= this.#refresh().finally(() => {
        this.#pending = undefined;
      });
      await settlesWithin(this.#pending, timeoutMs);
    }
    return { queue, depths: this.#isFresh ? this.#last?.depths : undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const queue = this.#queue;
    if (queue === undefined) return;
    if (!(await settlesWithin(queue.close(), 1_000))) await queue.disconnect();
  }

  get #isFresh(): boolean {
    const { maxAgeMs = 5_000 } = this.#options;
    return this.#last !== undefined && performance.now() - this.#last.at < maxAgeMs;
  }

  async #refresh(): Promise<void> {
    const { readDepths = async (queue: Queue) => [await readQueueDepth(queue)] } = this.#options;
    try {
      const depths = await readDepths(this.#open());
      this.#last = { at: performance.now(), depths };
    } catch {
      // Workers log why.
    }
  }

  #open(): Queue {
    if (this.#queue !== undefined) return this.#queue;
    const { connection, queue, prefix } = this.#options;
    this.#queue = new Queue(queue, {
      connection: toConnectionOptions(connection),
      ...(prefix !== undefined && { prefix }),
      skipVersionCheck: true,
    });
    this.#queue.on("error", () => {});
    return this.#queue;
  }
}
