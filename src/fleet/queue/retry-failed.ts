import type { Job, Queue } from "bullmq";
import { withQueueErrors } from "./queue-errors.ts";

export interface RetryFailedOptions {
  /** The number of jobs that are put back together. Default 500. */
  readonly batchSize?: number | undefined;
  readonly onProgress?: ((retried: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Puts the jobs that have failed back into the queue, with all their attempts. Those that fail
 * again meanwhile stay failed.
 *
 * @returns the number of jobs
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function retryFailed(queue: Queue, options: RetryFailedOptions = {}): Promise<number> {
  return await withQueueErrors(queue, () => putBackFailed(queue, options));
}

async function putBackFailed(
  queue: Queue,
  { batchSize = 500, onProgress = () => {}, signal }: RetryFailedOptions,
): Promise<number> {
  const failed = await queue.getFailedCount();
  let looked = 0;
  let retried = 0;
  while (looked < failed) {
    signal?.throwIfAborted();
    // Oldest first: jobs that fail again are behind the others.
    const last = Math.min(batchSize, failed - looked) - 1;
    const jobs: Job[] = await queue.getJobs(["failed"], 0, last, true);
    if (jobs.length === 0) break;
    const outcomes = await Promise.all(jobs.map(putBack));
    looked += jobs.length;
    retried += outcomes.filter(Boolean).length;
    onProgress(retried);
  }
  return retried;
}

/** Returns false where another program was quicker. */
async function putBack(job: Job): Promise<boolean> {
  try {
    await job.retry("failed", { resetAttemptsMade: true });
    return true;
  } catch (error) {
    if (await job.isFailed()) throw error;
    return false;
  }
}
