import { Queue } from "bullmq";
import { settlesWithin } from "../../base/abort.ts";
import type { QueueDepth, QueueReading } from "../../monitor/queue-gauges.ts";
import { serverOf } from "../queue/queue-server.ts";
import type { QueuePlace } from "../queue/redis-connection.ts";
import { readRecipeDepths } from "./recipe-depths.ts";

export interface QueueWatchOptions extends QueuePlace {
  /** A reading is used again for this long. Default 5 s. */
  readonly maxAgeMs?: number | undefined;
  /**
   * How long a reading may take. Default 1 s: a scrape times out after 10 s, or its interval if
   * that is shorter.
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Reads the depths of a queue on request, but at most every few seconds, so that scrapes cost its
 * server nothing. If the server is down there are no depths, and no error.
 */
export class QueueWatch implements AsyncDisposable {
  readonly #options: QueueWatchOptions;
  #queue: Queue | undefined;
  #last: { readonly at: number; readonly depths: readonly QueueDepth[] } | undefined;
  #pending: { readonly since: number; readonly reading: Promise<void> } | undefined;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async read(): Promise<QueueReading> {
    const { queue, timeoutMs = 1_000, maxAgeMs = 5_000 } = this.#options;
    const askedAt = performance.now();
    const isFresh = () => this.#last !== undefined && this.#last.at > askedAt - maxAgeMs;
    if (!isFresh()) {
      // One reading at a time: while the server is down it stays pending, and only its first caller
      // waits long.
      this.#pending ??= { since: askedAt, reading: this.#refresh().finally(() => this.#forget()) };
      const { since, reading } = this.#pending;
      await settlesWithin(reading, Math.max(0, since + timeoutMs - askedAt));
    }
    return { queue, depths: isFresh() ? this.#last?.depths : undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const queue = this.#queue;
    if (queue === undefined) return;
    if (!(await settlesWithin(queue.close(), 1_000))) await queue.disconnect();
  }

  async #refresh(): Promise<void> {
    try {
      const depths = await readRecipeDepths(this.#open());
      this.#last = { at: performance.now(), depths };
    } catch {
      // Workers log why.
    }
  }

  #forget(): void {
    this.#pending = undefined;
  }

  #open(): Queue {
    if (this.#queue !== undefined) return this.#queue;
    const { queue, options, backend } = serverOf(this.#options);
    this.#queue = new Queue(queue, options, backend);
    this.#queue.on("error", () => {});
    return this.#queue;
  }
}
