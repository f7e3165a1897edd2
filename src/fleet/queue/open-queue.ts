import { Queue } from "bullmq";
import { FollowingController, settlesWithin, untilAborted } from "../../base/abort.ts";
import { isOrangeryError, type OrangeryError } from "../../errors.ts";
import { toQueueFailure, withQueueErrors } from "./queue-errors.ts";
import { probeQueue } from "./queue-probe.ts";
import { type QueueServer, serverOf } from "./queue-server.ts";
import { checkQueue, type LabelledQueuePlace, type OpenedQueuePlace } from "./redis-connection.ts";

export interface OpenQueueOptions extends LabelledQueuePlace, OpenedQueuePlace {
  /** How long the server may take to answer. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /**
   * Called for problems with the server while the queue is open, again for every attempt to
   * connect.
   */
  readonly onTrouble?: ((error: OrangeryError) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const closeMs = 2_000;

/** A queue, for adding and reading jobs. If the server goes down later, requests wait for it. */
export class OpenQueue implements AsyncDisposable {
  readonly bullmq: Queue;
  readonly #options: OpenQueueOptions;
  readonly #server: QueueServer;
  readonly #label: string;
  readonly #refused = Promise.withResolvers<never>();
  #failure: OrangeryError | undefined;

  private constructor(options: OpenQueueOptions) {
    this.#label = options.label ?? options.queue;
    this.#options = options;
    this.#server = serverOf(options);
    this.#refused.promise.catch(() => {});
    const { queue, options: queueOptions, backend } = this.#server;
    this.bullmq = new Queue(queue, queueOptions, backend);
    this.bullmq.on("error", (error) => this.#report(toQueueFailure(error, this.#label)));
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
   * Waits for the server's answer, up to the limit. A request that was sent is not withdrawn.
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
    // Closing would wait for a server that is down, though there is nothing left to send.
    const isClosed = await settlesWithin(this.bullmq.close(), Math.min(closeMs, this.#timeoutMs));
    if (!isClosed) await this.bullmq.disconnect();
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 10_000;
  }

  #report(failure: OrangeryError): void {
    this.#failure = failure;
    // Waiting would not help.
    if (!failure.retryable) this.#refused.reject(failure);
    this.#options.onTrouble?.(failure);
  }

  async #explainSilence(): Promise<OrangeryError> {
    const failure = this.#failure ?? (await this.#server.whyNotReady());
    if (failure !== undefined && !isOrangeryError(failure, "QUEUE_UNREACHABLE")) return failure;
    const { cause } = failure ?? {};
    return this.#server.unreachable(cause, this.#timeoutMs);
  }
}
