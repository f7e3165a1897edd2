import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { storeOf } from "../store/store-of.ts";
import type { FoundJob } from "./found-job.ts";
import { findNamedJobs } from "./named-jobs.ts";

/** All that a queue knows of a job. */
export interface JobDetails extends FoundJob {
  readonly queue: string;
  /** The most attempts; undefined where the worker decides. */
  readonly attemptsMost: number | undefined;
  /** Attempts that were started: more than have ended, if workers died or gave it back. */
  readonly attemptsBegun: number;
  /** Known deaths of processes during the job. */
  readonly deaths: number;
  /** ISO 8601, UTC: when a worker took it last. */
  readonly takenAt: string | undefined;
  readonly progress: unknown;
  /** Of the last failed attempts, the newest last. */
  readonly stacks: readonly string[];
  /** Log lines of the task. */
  readonly log: readonly string[];
}

/**
 * Finds jobs by their ids, or by the sources of their photos, with all that is known of them.
 *
 * @throws `QUEUE_…`
 */
export async function readJobDetails(
  queues: readonly JobQueue[],
  names: readonly string[],
): Promise<JobDetails[]> {
  const all: JobDetails[] = [];
  for (const each of queues) {
    for await (const job of findNamedJobs([each], { names })) {
      const details = await withQueueErrors(each.queue, () => readDetails(each.queue, job));
      if (details !== undefined) all.push(details);
    }
  }
  return all;
}

/** Returns undefined for a job that has left the queue since. */
async function readDetails(queue: Queue, found: FoundJob): Promise<JobDetails | undefined> {
  const [job, { logs }, begun] = await Promise.all([
    queue.getJob(found.id),
    queue.getJobLogs(found.id),
    storeOf(queue).attempts.readDeaths(found.id),
  ]);
  if (job === undefined) return undefined;
  const { opts, attemptsStarted, processedOn, progress, stacktrace } = job;
  return {
    ...found,
    queue: queue.qualifiedName,
    attemptsMost: opts.attempts || undefined,
    attemptsBegun: attemptsStarted,
    // One of the marks belongs to the attempt in progress.
    deaths: Math.max(0, begun - (found.state === "active" ? 1 : 0)),
    takenAt: processedOn === undefined ? undefined : new Date(processedOn).toISOString(),
    progress: progress === 0 ? undefined : progress,
    stacks: stacktrace ?? [],
    log: logs,
  };
}
