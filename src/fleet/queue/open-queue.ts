import { Queue } from "bullmq";
import { FollowingController, settlesWithin, untilAborted } from "../../base/abort.ts";
import { isOrangeryError, type OrangeryError } from "../../errors.ts";
import { toQueueTrouble, unreachable, withQueueErrors } from "./queue-errors.ts";
import { probeQueue, whyNotReady } from "./queue-probe.ts";
import { checkQueue, type LabelledQueuePlace, toConnectionOptions } from "./redis-connection.ts";

export interface OpenQueueOptions extends LabelledQueuePlace {
  /** How long Redis may take to answer. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Called for trouble with Redis while the queue is open: again with every attempt to connect. */
  readonly onTrouble?: ((error: OrangeryError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A queue, for adding jobs and looking at it. A Redis that goes away later is waited for. */
export class OpenQueue implements AsyncDisposable {
  readonly bullmq: Queue;
  readonly #options: OpenQueueOptions;
  readonly #label: string;
  readonly #refused = Promise.withResolvers<never>();
  #trouble: OrangeryError | undefined;

  private constructor(options: OpenQueueOptions) {
    const { connection, queue, prefix } = options;
    this.#label = options.label ?? queue;
    this.#options = options;
    this.#refused.promise.catch(() => {});
    this.bullmq = new Queue(queue, {
      connection: toConnectionOptions(connection),
      ...(prefix !== undefined && { prefix }),
      // Its warnings would go to the console.
      skipVersionCheck: true,
    });
    this.bullmq.on("error", (error) => this.#report(toQueueTrouble(error, this.#label)));
  }

  /** @throws `INVALID_ARGUMENT`, `QUEUE_…`, or the signal's reason */
  static async open(options: OpenQueueOptions): Promise<OpenQueue> {
    const { signal } = options;
    checkQueue(options);
    const queue = new OpenQueue(options);
    try {
      const ready = queue.bullmq.waitUntilReady();
      await queue.within(Promise.race([ready, queue.#refused.promise]), { signal });
      await queue.within(probeQueue(queue.bullmq), { signal });
      return queue;
    } catch (error) {
      await queue[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Waits for an answer of Redis, for as long as it may take. The request stays sent.
   *
   * @throws `QUEUE_…`, or the signal's reason
   */
  async within<T>(
    answer: Promise<T>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    using timeout = new FollowingController(signal, { timeoutMs: this.#timeoutMs });
    try {
      return await withQueueErrors({ name: this.#label }, () =>
        untilAborted(answer, timeout.signal),
      );
    } catch (error) {
      if (timeout.signal.aborted && !signal?.aborted) throw await this.#explainSilence();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Closing waits for a Redis that is away; nothing is left to be sent to it.
    const isClosed = await settlesWithin(this.bullmq.close(), this.#timeoutMs);
    if (!isClosed) await this.bullmq.disconnect();
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 10_000;
  }

  #report(trouble: OrangeryError): void {
    this.#trouble = trouble;
    // Waiting would not help.
    if (!trouble.retryable) this.#refused.reject(trouble);
    this.#options.onTrouble?.(trouble);
  }

  async #explainSilence(): Promise<OrangeryError> {
    const trouble = this.#trouble ?? (await whyNotReady(this.#options));
    if (trouble !== undefined && !isOrangeryError(trouble, "QUEUE_UNREACHABLE")) return trouble;
    const { cause } = trouble ?? {};
    return unreachable(cause, this.#timeoutMs);
  }
}
