import type { Channel } from "amqplib";
import type { Logger } from "../../../logger.ts";
import type { Delivered, PublishedMessage } from "../app/celery-broker.ts";
import { fromAmqp, toAmqp } from "./amqp-envelope.ts";
import type { AmqpLink } from "./amqp-link.ts";

const commands = "celery.pidbox";
const events = "celeryev";

/**
 * The exchanges between Celery's tools and workers: commands reach all workers, events reach all
 * listeners. A worker without rights to them still works.
 */
export class AmqpControl {
  readonly #onCommand: (command: Delivered) => void;
  readonly #logger: Logger;
  #channel: Channel | undefined;

  constructor(onCommand: (command: Delivered) => void, logger: Logger) {
    this.#onCommand = onCommand;
    this.#logger = logger;
  }

  async connect(link: AmqpLink): Promise<void> {
    try {
      const channel = await link.openChannel(() => {
        this.#channel = undefined;
      });
      await channel.assertExchange(events, "topic", { durable: true });
      await channel.assertExchange(commands, "fanout", { durable: false });
      const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true });
      await channel.bindQueue(queue, commands, "");
      await channel.consume(
        queue,
        (delivered) => {
          if (delivered !== null) this.#onCommand(fromAmqp(delivered, queue));
        },
        { noAck: true },
      );
      this.#channel = channel;
    } catch (err) {
      if (link.isClosed) throw err;
      this.#logger.warn({ err }, "RabbitMQ does not let the worker be seen by Celery's tools");
    }
  }

  /** Sends an event, if there is a connection. */
  publishEvent({ routingKey, envelope }: PublishedMessage): void {
    const { content, options } = toAmqp(envelope);
    this.#channel?.publish(events, routingKey, content, options);
  }

  /** Answers a command, on the exchange that its sender has named. */
  async reply(link: AmqpLink, { exchange, routingKey, envelope }: PublishedMessage): Promise<void> {
    await link.onChannel(async (channel) => {
      await channel.assertExchange(exchange, "direct", { durable: false });
      const { content, options } = toAmqp(envelope);
      channel.publish(exchange, routingKey, content, options);
    });
  }
}
