import { Job, type Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { type JobFilter, type JobState, statesOf } from "../store/job-filter.ts";
import { removeJobs } from "../store/remove-jobs.ts";
import { storeOf } from "../store/store-of.ts";
import type { FoundJob } from "./found-job.ts";
import { findNamedJobs } from "./named-jobs.ts";

export interface ChangeJobsOptions {
  /** The number of jobs that are looked at together. Default 500 or, without their rows, 2,000. */
  readonly pageSize?: number | undefined;
  /** Called with the number of jobs that are changed. */
  readonly onProgress?: ((changed: number) => void) | undefined;
  /** Ends it with its reason; what is changed stays, and the same call goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** What can be done with jobs, and in which states. */
export const changeableStates = {
  retry: ["delayed", "failed"],
  drop: ["waiting", "delayed", "failed"],
  "move-first": ["waiting"],
} as const satisfies Record<string, readonly JobState[]>;

export type JobChange = keyof typeof changeableStates;

/** Returns the part of a filter that a change can do something with. */
export function changeable(change: JobChange, filter: JobFilter): JobFilter {
  const possible: readonly JobState[] = changeableStates[change];
  return { ...filter, states: statesOf(filter).filter((state) => possible.includes(state)) };
}

/**
 * Puts jobs that have failed back into their queue, with all their attempts, and lets those that
 * wait to be tried again be tried now. Those that fail again meanwhile stay failed.
 *
 * @returns the number of jobs
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function retryJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: ChangeJobsOptions = {},
): Promise<number> {
  return await changeEach(queues, changeable("retry", filter), { ...options, change: putBack });
}

/**
 * Removes jobs that no worker has, with all that the queue knows of them. A recorded failure stays
 * recorded.
 *
 * @returns the number of jobs
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function dropJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: ChangeJobsOptions = {},
): Promise<number> {
  const wanted = changeable("drop", filter);
  if (filter.names === undefined) return await changeAll(queues, wanted, "drop", options);
  return await changeEach(queues, wanted, {
    ...options,
    change: async (queue, { id }) => (await removeJobs(queue, [id])) > 0,
  });
}

/**
 * Moves waiting jobs to where those of their recipe are taken first, in their order.
 *
 * @returns the number of jobs
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function moveJobsFirst(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: ChangeJobsOptions = {},
): Promise<number> {
  const wanted = changeable("move-first", filter);
  if (filter.names === undefined) return await changeAll(queues, wanted, "first", options);
  // The last one that is moved is taken first.
  const names = filter.names.toReversed();
  return await changeEach(queues, { ...wanted, names }, { ...options, change: moveFirst });
}

async function changeAll(
  queues: readonly JobQueue[],
  filter: JobFilter,
  change: "drop" | "first",
  { pageSize = 2_000, onProgress = () => {}, signal }: ChangeJobsOptions,
): Promise<number> {
  let changed = 0;
  for (const state of statesOf(filter)) {
    for (const { queue } of queues) {
      const pages = storeOf(queue).jobs.changePages(state, { filter, change, pageSize, signal });
      for await (const count of pages) {
        changed += count;
        onProgress(changed);
      }
    }
  }
  return changed;
}

interface ChangeEachOptions extends ChangeJobsOptions {
  /** Returns false where another program was quicker. */
  readonly change: (queue: Queue, job: Pick<FoundJob, "id" | "state">) => Promise<boolean>;
}

/** Changes jobs one by one, a page at a time. */
async function changeEach(
  queues: readonly JobQueue[],
  filter: JobFilter,
  { change, pageSize = 500, onProgress = () => {}, signal }: ChangeEachOptions,
): Promise<number> {
  let changed = 0;
  const changePage = async (queue: Queue, jobs: readonly Pick<FoundJob, "id" | "state">[]) => {
    const outcomes = await withQueueErrors(queue, () =>
      Promise.all(jobs.map((job) => change(queue, job))),
    );
    changed += outcomes.filter(Boolean).length;
    onProgress(changed);
  };
  for (const each of queues) {
    const { queue } = each;
    if (filter.names !== undefined) {
      // One after the other, in the order of the names.
      for await (const job of findNamedJobs([each], filter, { signal })) {
        await changePage(queue, [job]);
      }
      continue;
    }
    for (const state of statesOf(filter)) {
      const pages = storeOf(queue).jobs.readPages(state, {
        filter,
        pageSize,
        largestPage: pageSize,
        // Jobs that fail again are behind the others.
        isOldestFirst: true,
        signal,
      });
      for await (const { rows } of pages) {
        await changePage(
          queue,
          rows.map(([id]) => ({ id, state })),
        );
      }
    }
  }
  return changed;
}

async function putBack(queue: Queue, { id, state }: Pick<FoundJob, "id" | "state">) {
  const job = jobOf(queue, id);
  try {
    await (state === "delayed" ? job.promote() : job.retry("failed", { resetAttemptsMade: true }));
    return true;
  } catch (error) {
    if ((await queue.getJobState(id)) === state) throw error;
    return false;
  }
}

async function moveFirst(queue: Queue, { id }: Pick<FoundJob, "id">) {
  await jobOf(queue, id).changePriority({ priority: 0, lifo: true });
  return true;
}

/** A job for a request that needs no more than its id. */
function jobOf(queue: Queue, id: string): Job {
  return new Job(queue, "", undefined, {}, id);
}
