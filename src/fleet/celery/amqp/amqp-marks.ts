import type { Options } from "amqplib";
import type { DeathMarks } from "../app/celery-broker.ts";
import type { AmqpConnection } from "./amqp-connection.ts";

/** Longer than a queue is stopped over a weekend. */
const markMs = 3 * 24 * 3_600_000;

/**
 * Keeps how many workers have died on a task: as one message in a queue that is named by the task's
 * id and holds no more. RabbitMQ's own count (`x-delivery-count`, in quorum queues) also blames
 * messages that a dead worker had taken but not started. A first delivery needs no mark, since the
 * next delivery says `redelivered`: only redelivered messages have marks.
 */
export class AmqpMarks implements DeathMarks {
  readonly #connection: AmqpConnection;
  readonly #isExact: boolean;
  /** Tasks known to have a queue. */
  readonly #marked = new Set<string>();

  /**
   * @param options.isExact whether even the first death must be counted: `redelivered` is also set
   *   on messages that were merely given back
   */
  constructor(connection: AmqpConnection, { isExact }: { readonly isExact: boolean }) {
    this.#connection = connection;
    this.#isExact = isExact;
  }

  async read(taskId: string): Promise<number> {
    const name = nameOf(taskId);
    const marks = await this.#connection.repeat((link) =>
      link.onChannel(async (channel) => {
        await channel.assertQueue(name, markQueue);
        const message = await channel.get(name, { noAck: false });
        if (message === false) return undefined;
        channel.nack(message, false, true);
        return Number(message.content.toString());
      }),
    );
    this.#marked.add(taskId);
    return marks ?? (this.#isExact ? 0 : 1);
  }

  async write(taskId: string, marks: number): Promise<void> {
    const name = nameOf(taskId);
    if (marks === 0) return await this.#forget(taskId);
    if (marks === 1 && !this.#isExact) return;
    await this.#connection.repeat(async (link) => {
      await link.onChannel((channel) => channel.assertQueue(name, markQueue));
      const content = Buffer.from(String(marks));
      await link.publish({ exchange: "", routingKey: name }, content, { persistent: true });
    });
    this.#marked.add(taskId);
  }

  async #forget(taskId: string): Promise<void> {
    if (!this.#marked.delete(taskId)) return;
    await this.#connection.repeat((link) =>
      link.onChannel((channel) => channel.deleteQueue(nameOf(taskId))),
    );
  }
}

function nameOf(taskId: string): string {
  return `orangery.begun.${taskId.slice(0, 200)}`;
}

const markQueue: Options.AssertQueue = {
  durable: true,
  maxLength: 1,
  overflow: "drop-head",
  expires: markMs,
};
