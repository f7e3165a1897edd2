import { Queue } from "bullmq";
import { untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import { checkConnection, type QueueConnection, toConnectionOptions } from "./redis-connection.ts";

export interface OpenQueueOptions {
  readonly connection: QueueConnection;
  /** The queue's name. */
  readonly queue: string;
  /** Where BullMQ's keys begin, if not with `bull`. */
  readonly prefix?: string | undefined;
  /** How long Redis may take to answer. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Told of trouble with Redis while the queue is open: again with every attempt to connect. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A queue for those who give it jobs and look at it. A Redis that goes away later is waited for.
 */
export class OpenQueue implements AsyncDisposable {
  readonly bullmq: Queue;
  readonly #timeoutMs: number;
  #trouble: Error | undefined;

  private constructor({ connection, queue, prefix, timeoutMs, onTrouble }: OpenQueueOptions) {
    this.#timeoutMs = timeoutMs ?? 10_000;
    this.bullmq = new Queue(queue, {
      connection: toConnectionOptions(connection),
      ...(prefix !== undefined && { prefix }),
    });
    this.bullmq.on("error", (error) => {
      this.#trouble = error;
      onTrouble?.(error);
    });
  }

  /** @throws `QUEUE_UNREACHABLE`, `INVALID_ARGUMENT`, or the signal's reason */
  static async open(options: OpenQueueOptions): Promise<OpenQueue> {
    const { queue: name, connection, signal } = options;
    checkConnection(connection);
    if (name === "" || name.includes(":")) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a queue's name without \`:\`, got \`${name}\`.`,
        { details: { queue: name } },
      );
    }
    const queue = new OpenQueue(options);
    try {
      await queue.within(queue.bullmq.waitUntilReady(), { signal });
      return queue;
    } catch (error) {
      await queue[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * What Redis answers, if it does within the time; what was asked stays asked.
   *
   * @throws `QUEUE_UNREACHABLE`, or the signal's reason
   */
  async within<T>(
    answer: Promise<T>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), this.#timeoutMs);
    const signals = [timeout.signal, signal].filter((one) => one !== undefined);
    try {
      return await untilAborted(answer, AbortSignal.any(signals));
    } catch (error) {
      if (timeout.signal.aborted) throw this.#unreachable();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Closing waits for a Redis that is away; nothing is left to be said to it.
    await this.within(this.bullmq.close()).catch(() => this.bullmq.disconnect());
  }

  #unreachable(): OrangeryError {
    const { message, code } = (this.#trouble ?? {}) as Partial<NodeJS.ErrnoException>;
    const came = message || code || "no answer";
    return new OrangeryError(
      "QUEUE_UNREACHABLE",
      `Expected an answer of the queue's Redis within ${this.#timeoutMs / 1000} s, got ${came}. ` +
        "Check its URL (--redis or REDIS_URL) and password, and that it runs.",
      { cause: this.#trouble },
    );
  }
}
