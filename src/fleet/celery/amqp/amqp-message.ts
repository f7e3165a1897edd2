import type { Settlement, TakenMessage } from "../app/celery-broker.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { SentMessage } from "../protocol/sent-message.ts";
import type { AmqpConnection } from "./amqp-connection.ts";
import { type AmqpParts, fromAmqp } from "./amqp-envelope.ts";
import type { AmqpLink } from "./amqp-link.ts";
import type { AmqpMarks } from "./amqp-marks.ts";
import type { AmqpQueues } from "./amqp-queues.ts";

export interface AmqpMessageOptions {
  readonly parts: AmqpParts;
  readonly queue: string;
  /** The connection that delivered it, the only one that can acknowledge it. */
  readonly link: AmqpLink;
  readonly connection: AmqpConnection;
  readonly queues: AmqpQueues;
  readonly marks: AmqpMarks;
}

/**
 * After this many returns a message is published anew: quorum queues drop what is returned too
 * often.
 */
const mostReturns = 5;

/**
 * A message that RabbitMQ has delivered. It is this worker's until it is acknowledged, or until its
 * connection breaks: then RabbitMQ delivers it again.
 */
export class AmqpMessage implements TakenMessage {
  readonly content: Envelope;
  readonly queue: string;
  readonly link: AmqpLink;
  readonly #options: AmqpMessageOptions;
  #isAcknowledged = false;

  constructor(options: AmqpMessageOptions) {
    this.#options = options;
    this.queue = options.queue;
    this.link = options.link;
    this.content = fromAmqp(options.parts, options.queue);
  }

  get token(): string {
    const { deliveryTag } = this.#options.parts.fields;
    return this.#isAcknowledged ? "" : `${this.link.number}:${deliveryTag}`;
  }

  async acknowledge(): Promise<void> {
    this.#acknowledge();
  }

  /**
   * What follows a redelivered message may already have been sent. It is marked, so that a task
   * with a result is not run again.
   */
  async settle({ taskId, sent: all = [] }: Settlement): Promise<boolean> {
    const { connection, queues, marks, parts } = this.#options;
    const sent = parts.fields.redelivered ? all.map(markRedelivered) : all;
    if (this.#isAcknowledged) {
      for (const message of sent) await connection.repeat((link) => queues.send(link, message));
    } else {
      const isOurs = await this.#whileOurs(async (link) => {
        for (const message of sent) await queues.send(link, message);
      });
      if (!isOurs) return false;
    }
    if (taskId !== undefined) await marks.write(taskId, 0);
    return true;
  }

  async giveBack(): Promise<boolean> {
    const { connection, queues, parts } = this.#options;
    const again = { queue: this.queue, envelope: this.content };
    if (this.#isAcknowledged) {
      await connection.repeat((link) => queues.send(link, again));
      return true;
    }
    const returns = Number(parts.properties.headers?.["x-delivery-count"] ?? 0);
    if (returns >= mostReturns) return await this.#whileOurs((link) => queues.send(link, again));
    if (this.link.isClosed) return false;
    this.link.work.nack(parts as never, false, true);
    this.#isAcknowledged = true;
    return true;
  }

  async delay(etaMs: number): Promise<void> {
    const { queues } = this.#options;
    const envelope = this.content;
    await this.#whileOurs((link) => queues.delay(link, this.queue, { envelope, etaMs }));
  }

  /** Sends requests, then acknowledges. Returns whether the message was ours until then. */
  async #whileOurs(requests: (link: AmqpLink) => Promise<void>): Promise<boolean> {
    if (this.link.isClosed) return false;
    try {
      await requests(this.link);
    } catch (error) {
      if (this.link.isClosed) return false;
      throw error;
    }
    return this.#acknowledge();
  }

  /** Returns whether the message was ours until then. */
  #acknowledge(): boolean {
    if (this.link.isClosed) return false;
    try {
      this.link.work.ack(this.#options.parts as never);
    } catch {
      // Its channel has been closed, and the connection is about to be.
      return false;
    }
    this.#isAcknowledged = true;
    return true;
  }
}

function markRedelivered({ envelope, ...rest }: SentMessage): SentMessage {
  const headers = { ...envelope.headers, redelivered: true };
  return { ...rest, envelope: { ...envelope, headers } };
}
