import type { Queue } from "bullmq";
import type { QueueDepth } from "../../monitor/queue-gauges.ts";
import { withQueueErrors } from "../queue/queue-errors.ts";

/** Of so many jobs that are next, the oldest is looked for. */
const nextJobs = 20;

/**
 * Reads how many jobs a queue has and how long they have waited: a few requests, however many jobs
 * there are.
 *
 * @throws `QUEUE_…`
 */
export async function readQueueDepth(queue: Queue, recipe = ""): Promise<QueueDepth> {
  return await withQueueErrors(queue, async () => {
    const [counts, succeeded, failed, isPaused, oldest] = await Promise.all([
      queue.getJobCounts("waiting", "prioritized", "active", "delayed", "failed"),
      queue.getMetrics("completed", 0, 0),
      queue.getMetrics("failed", 0, 0),
      queue.isPaused(),
      oldestOfNext(queue),
    ]);
    return {
      recipe,
      waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0),
      active: counts.active ?? 0,
      delayed: counts.delayed ?? 0,
      failed: counts.failed ?? 0,
      oldestWaitingMs: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest),
      ended: { succeeded: succeeded.meta.count, failed: failed.meta.count },
      isPaused,
    };
  });
}

/** When the oldest of the next jobs was added; undefined where none waits. */
async function oldestOfNext(queue: Queue): Promise<number | undefined> {
  const client = await queue.getBackend().client;
  const [waiting, prioritized] = await Promise.all([
    // Taken from the end.
    client.lrange(queue.toKey("wait"), -nextJobs, -1),
    client.zrange(queue.toKey("prioritized"), 0, nextJobs - 1),
  ]);
  const added = await Promise.all(
    [...waiting, ...prioritized].map(async (id) => {
      const [timestamp] = await client.hmget(queue.toKey(id), "timestamp");
      return Number(timestamp ?? Number.NaN);
    }),
  );
  const known = added.filter(Number.isFinite);
  return known.length === 0 ? undefined : Math.min(...known);
}
