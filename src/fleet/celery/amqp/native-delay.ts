import type { AmqpLink } from "./amqp-link.ts";
import { isThere } from "./amqp-queues.ts";

/** The number of binary digits of Kombu's delays, in seconds. */
const levels = 28;
const delivery = "celery_delayed_delivery";

/**
 * Makes the exchanges and queues with which clients of Celery 5.5 and newer delay tasks for quorum
 * queues, unless a Celery worker has made them, and binds the queues to them. There is a level for
 * each binary digit of a delay: a message waits there for a 1, and skips it for a 0. Without them,
 * messages with `countdown` or `eta` go nowhere.
 */
export async function serveNativeDelay(
  link: AmqpLink,
  queues: readonly string[],
  queueType: "classic" | "quorum",
): Promise<void> {
  if (!(await isThere(link, (channel) => channel.checkExchange(delivery)))) {
    await declareLevels(link, queueType);
  }
  await link.onChannel(async (channel) => {
    for (const queue of queues) await channel.bindQueue(queue, delivery, `#.${queue}`);
  });
}

async function declareLevels(link: AmqpLink, queueType: "classic" | "quorum"): Promise<void> {
  await link.onChannel(async (channel) => {
    // The last exchange is made last: if it exists, all do.
    for (let level = levels - 1; level >= 0; level--) {
      await channel.assertExchange(nameOf(level), "topic", { durable: true });
    }
    for (let level = levels - 1; level >= 0; level--) {
      if (level === 0) await channel.assertExchange(delivery, "topic", { durable: true });
      const next = level > 0 ? nameOf(level - 1) : delivery;
      await channel.assertQueue(nameOf(level), {
        durable: true,
        arguments: {
          "x-queue-type": queueType,
          "x-overflow": "reject-publish",
          "x-message-ttl": 1000 * 2 ** level,
          "x-dead-letter-exchange": next,
          ...(queueType === "quorum" && { "x-dead-letter-strategy": "at-least-once" }),
        },
      });
      const digits = "*.".repeat(levels - 1 - level);
      await channel.bindQueue(nameOf(level), nameOf(level), `${digits}1.#`);
      await channel.bindExchange(next, nameOf(level), `${digits}0.#`);
    }
  });
}

function nameOf(level: number): string {
  return `celery_delayed_${level}`;
}
