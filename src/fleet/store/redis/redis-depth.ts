import type { Queue } from "bullmq";
import type { QueueCounts } from "../queue-store.ts";

type RedisClient = Awaited<ReturnType<Queue["getBackend"]>["client"]>;

export interface ReadDepthOptions {
  readonly client: RedisClient;
  /** Converts the name of one of the queue's keys, such as `wait`, into the key. */
  readonly toKey: (name: string) => string;
}

/** How many of the next jobs are searched for the oldest. */
const nextJobs = 20;

/**
 * Reads how many jobs a queue has and how long they have waited: a few small requests, however many
 * jobs there are. By keys, so that one connection serves the queues of all recipes.
 */
export async function readQueueDepth(options: ReadDepthOptions): Promise<QueueCounts> {
  const { client, toKey } = options;
  const ended = async (outcome: "completed" | "failed") =>
    Number((await client.hget(toKey(`metrics:${outcome}`), "count")) ?? 0);
  const [waiting, prioritized, active, delayed, failed, succeeded, failures, paused, oldest] =
    await Promise.all([
      client.llen(toKey("wait")),
      client.zcard(toKey("prioritized")),
      client.llen(toKey("active")),
      client.zcard(toKey("delayed")),
      client.zcard(toKey("failed")),
      ended("completed"),
      ended("failed"),
      client.hexists(toKey("meta"), "paused"),
      oldestOfNext(options),
    ]);
  return {
    waiting: waiting + prioritized,
    active,
    delayed,
    failed,
    oldestWaitingMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest),
    ended: { succeeded, failed: failures },
    isPaused: paused === 1,
  };
}

/** When the oldest of the next jobs was added; undefined where none waits. */
async function oldestOfNext({ client, toKey }: ReadDepthOptions): Promise<number | undefined> {
  const [waiting, prioritized] = await Promise.all([
    // Taken from the end.
    client.lrange(toKey("wait"), -nextJobs, -1),
    client.zrange(toKey("prioritized"), 0, nextJobs - 1),
  ]);
  const added = await Promise.all(
    [...waiting, ...prioritized].map((id) => client.hget(toKey(id), "timestamp")),
  );
  // A job may have been taken and removed meanwhile.
  const known = added.filter((timestamp) => timestamp !== null).map(Number);
  return known.length === 0 ? undefined : Math.min(...known);
}
