import type { HeldLock, JobLocks } from "../../jobs/job-locks.ts";
import type { AmqpParts } from "./amqp-envelope.ts";
import type { AmqpLink } from "./amqp-link.ts";
import type { AmqpMessage } from "./amqp-message.ts";

export interface AmqpInboxOptions {
  readonly queues: readonly string[];
  /** The most messages of a queue that are delivered and not acknowledged. */
  readonly prefetch: number;
  readonly toMessage: (parts: AmqpParts, queue: string, link: AmqpLink) => AmqpMessage;
}

/** Messages that RabbitMQ has delivered and nobody works on yet. */
export class AmqpInbox implements Pick<JobLocks, "hold"> {
  readonly #options: AmqpInboxOptions;
  #messages: AmqpMessage[] = [];
  #consumers: string[] = [];
  #link: AmqpLink | undefined;
  #arrived = Promise.withResolvers<void>();
  #isOpen = false;
  #isLeft = false;
  /** Messages in progress: what to do when their connection breaks. */
  readonly #held = new Map<string, () => void>();

  constructor(options: AmqpInboxOptions) {
    this.#options = options;
  }

  /** Continues with a new connection. */
  async connect(link: AmqpLink): Promise<void> {
    this.#link = link;
    await link.work.prefetch(this.#options.prefetch);
    if (this.#isOpen) await this.#consume(link);
  }

  /** RabbitMQ redelivers what the old connection had delivered. */
  disconnect(link: AmqpLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#messages = [];
    const lost = [...this.#held.values()];
    this.#held.clear();
    for (const onLost of lost) onLost();
  }

  /** Waits for a message; undefined when the signal aborts. */
  async take(signal: AbortSignal): Promise<AmqpMessage | undefined> {
    if (!this.#isOpen) await this.#open(signal);
    while (!this.#isLeft) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      this.#arrived = Promise.withResolvers();
      await this.#arrived.promise;
    }
    return undefined;
  }

  /** A message acknowledged before its task began cannot be lost. */
  hold({ token }: HeldLock, onLost: () => void): Disposable {
    if (token === "") return { [Symbol.dispose]: () => {} };
    this.#held.set(token, onLost);
    // Its connection may have broken before its task began.
    if (!token.startsWith(`${this.#link?.number}:`)) queueMicrotask(onLost);
    return { [Symbol.dispose]: () => void this.#held.delete(token) };
  }

  async #open(signal: AbortSignal): Promise<void> {
    this.#isOpen = true;
    if (signal.aborted) this.#leave();
    else signal.addEventListener("abort", () => this.#leave(), { once: true });
    if (this.#link !== undefined && !this.#isLeft) await this.#consume(this.#link).catch(() => {});
  }

  async #consume(link: AmqpLink): Promise<void> {
    if (this.#isLeft) return;
    this.#consumers = [];
    for (const queue of this.#options.queues) {
      const { consumerTag } = await link.work.consume(queue, (delivered) => {
        // The queue is gone: reconnecting recreates it.
        if (delivered === null) void link[Symbol.asyncDispose]();
        else this.#receive(this.#options.toMessage(delivered, queue, link));
      });
      this.#consumers.push(consumerTag);
    }
  }

  #receive(message: AmqpMessage): void {
    if (this.#isLeft) void message.giveBack();
    else this.#messages.push(message);
    this.#arrived.resolve();
  }

  /** Takes no more messages, and gives back those that nobody works on. */
  #leave(): void {
    this.#isLeft = true;
    const { work } = this.#link ?? {};
    for (const tag of this.#consumers) work?.cancel(tag).catch(() => {});
    for (const message of this.#messages.splice(0)) void message.giveBack();
    this.#arrived.resolve();
  }
}
