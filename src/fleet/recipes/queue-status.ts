import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import { readWorkers, type WorkerStatus } from "../store/worker-status.ts";

/** The state of a queue at one moment. */
export interface QueueStatus {
  readonly queue: string;
  readonly waiting: number;
  readonly active: number;
  /** Jobs that wait to be tried again. */
  readonly delayed: number;
  readonly failed: number;
  /** Jobs that have succeeded since the queue was created, whether or not it still has them. */
  readonly done: number;
  readonly isPaused: boolean;
  /** Jobs per second of all workers, over the last half minute. */
  readonly perSecond: number;
  /** The time until nothing waits, at that rate; undefined if there is no progress. */
  readonly etaMs: number | undefined;
  readonly workers: readonly WorkerStatus[];
}

/**
 * Reads the state of a queue and its workers, in a few requests, however many jobs there are.
 *
 * @throws `QUEUE_…`
 */
export async function readQueueStatus(queue: Queue): Promise<QueueStatus> {
  return await withQueueErrors(queue, () => readStatus(queue));
}

async function readStatus(queue: Queue): Promise<QueueStatus> {
  const [counts, { meta }, isPaused, workers] = await Promise.all([
    queue.getJobCounts("waiting", "prioritized", "active", "delayed", "failed"),
    queue.getMetrics("completed", 0, 0),
    queue.isPaused(),
    readWorkers(queue),
  ]);
  const { active = 0, delayed = 0, failed = 0 } = counts;
  const waiting = (counts.waiting ?? 0) + (counts.prioritized ?? 0);
  const perSecond = workers.reduce((sum, worker) => sum + worker.perSecond, 0);
  return {
    queue: queue.name,
    waiting,
    active,
    delayed,
    failed,
    done: meta.count,
    isPaused,
    perSecond,
    etaMs: etaOf(waiting + active + delayed, perSecond),
    workers,
  };
}

/** Returns the time until that many jobs are done, ms; undefined if there is no progress. */
export function etaOf(left: number, perSecond: number): number | undefined {
  if (left === 0) return 0;
  return perSecond > 0 ? (1000 * left) / perSecond : undefined;
}
