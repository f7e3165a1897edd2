import type { Channel, Options } from "amqplib";
import type { Envelope } from "../protocol/envelope.ts";
import type { SentMessage } from "../protocol/sent-message.ts";
import { toAmqp } from "./amqp-envelope.ts";
import type { AmqpLink } from "./amqp-link.ts";

export interface AmqpQueuesOptions {
  /** `task_default_queue_type`, for queues to be created. */
  readonly queueType: "classic" | "quorum";
  /** `task_queue_max_priority`, for queues to be created. */
  readonly maxPriority?: number | undefined;
}

/** The shortest delay of a message, ms; longer delays are this times a power of two. */
const shortestMs = 64;
/** 25 days, within RabbitMQ's limit for a time to live. Longer waits take several steps. */
const longestMs = 2 ** 31;
/** A delay queue expires when unused for this much longer than its delay, ms. */
const spareMs = 600_000;

/** The queues of an app, and the delay queues in which messages wait for their time. */
export class AmqpQueues {
  readonly #options: AmqpQueuesOptions;
  /** Queues of delayed messages, and when each was declared last. */
  readonly #declaredAt = new Map<string, number>();

  constructor(options: AmqpQueuesOptions) {
    this.#options = options;
  }

  /**
   * Declares a missing queue as the app would. An existing one is used as it is: its arguments may
   * come from policies, or from settings that a worker does not know.
   */
  async ensure(link: AmqpLink, queue: string): Promise<void> {
    if (link.knownQueues.has(queue)) return;
    if (!(await isThere(link, (channel) => channel.checkQueue(queue)))) {
      const { queueType, maxPriority } = this.#options;
      await link.onChannel((channel) =>
        channel.assertQueue(queue, {
          durable: true,
          arguments: {
            ...(queueType === "quorum" && { "x-queue-type": "quorum" }),
            ...(maxPriority !== undefined && { "x-max-priority": maxPriority }),
          },
        }),
      );
    }
    link.knownQueues.add(queue);
  }

  /** Sends a message to its queue; resolves when RabbitMQ has it. */
  async send(link: AmqpLink, { queue, envelope }: Omit<SentMessage, "priority">): Promise<void> {
    await this.ensure(link, queue);
    const { content, options } = toAmqp(envelope);
    await link.publish({ exchange: "", routingKey: queue }, content, options);
  }

  /**
   * Delays a message. It returns to its queue at its time, or earlier and is then delayed again.
   * There is a delay queue for each power of two, since a queue returns its messages in order.
   * Messages wait in RabbitMQ, so none is lost with a worker or stays unacknowledged.
   */
  async delay(
    link: AmqpLink,
    queue: string,
    { envelope, etaMs }: { readonly envelope: Envelope; readonly etaMs: number },
  ): Promise<void> {
    const leftMs = Math.min(longestMs, Math.max(shortestMs, etaMs - Date.now()));
    const ms = shortestMs * 2 ** Math.floor(Math.log2(leftMs / shortestMs));
    const name = `orangery.delay.${ms}.${queue}`;
    const lastMs = this.#declaredAt.get(name) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - lastMs > spareMs / 2) {
      await link.onChannel((channel) => channel.assertQueue(name, delayQueue(queue, ms)));
      this.#declaredAt.set(name, performance.now());
    }
    const { content, options } = toAmqp(envelope);
    await link.publish({ exchange: "", routingKey: name }, content, options);
  }

  /** After a restart of RabbitMQ, delay queues may be gone. */
  forgetDelays(): void {
    this.#declaredAt.clear();
  }
}

/** A quorum queue moves its messages without loss; a classic one may lose some in a crash. */
function delayQueue(queue: string, ms: number): Options.AssertQueue {
  return {
    durable: true,
    arguments: {
      "x-queue-type": "quorum",
      "x-message-ttl": ms,
      "x-expires": Math.min(ms + spareMs, 2 ** 32 - 1),
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": queue,
      "x-dead-letter-strategy": "at-least-once",
      "x-overflow": "reject-publish",
    },
  };
}

/** Whether an entity exists. If not, RabbitMQ closes the channel. */
export async function isThere(
  link: AmqpLink,
  check: (channel: Channel) => Promise<unknown>,
): Promise<boolean> {
  try {
    await link.onChannel(check);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return false;
    throw error;
  }
}
