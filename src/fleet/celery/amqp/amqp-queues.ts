import type { Channel, Options } from "amqplib";
import type { Envelope } from "../protocol/envelope.ts";
import type { SentMessage } from "../protocol/sent-message.ts";
import { toAmqp } from "./amqp-envelope.ts";
import type { AmqpLink } from "./amqp-link.ts";

export interface AmqpQueuesOptions {
  /** `task_default_queue_type`: of queues that are not there. */
  readonly queueType: "classic" | "quorum";
  /** `task_queue_max_priority`: of queues that are not there. */
  readonly maxPriority?: number | undefined;
}

/** The shortest time that a message is put aside, ms; others are multiples by powers of two. */
const shortestMs = 64;
/** 25 days, which a time to live of RabbitMQ may have. Longer waits are several. */
const longestMs = 2 ** 31;
/** A queue of delayed messages goes when it is not used for so much longer than they wait, ms. */
const spareMs = 600_000;

/** The queues of an app, and those beside them in which messages wait for their time. */
export class AmqpQueues {
  readonly #options: AmqpQueuesOptions;
  /** Queues of delayed messages, and when each was declared last. */
  readonly #declaredAt = new Map<string, number>();

  constructor(options: AmqpQueuesOptions) {
    this.#options = options;
  }

  /**
   * Makes a queue that is not there, as the app would. One that is there is taken as it is: its
   * arguments may come from policies, or from settings that a worker does not know.
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
   * Puts a message aside; it is back in its queue at its time, or so long before that it is put
   * aside again: in queues by the powers of two, since a queue returns its messages in order. They
   * are RabbitMQ's, so that nothing of it is lost with a worker, and none waits unacknowledged.
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

  /** After a restart a queue that lives for a while may be gone. */
  forgetDelays(): void {
    this.#declaredAt.clear();
  }
}

/** A quorum queue moves its messages without losing one; a classic one may, when it crashes. */
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

/** Whether what is asked for exists. RabbitMQ answers that it does not by closing the channel. */
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
