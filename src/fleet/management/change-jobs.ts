import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { type JobFilter, type JobState, statesOf } from "../store/job-filter.ts";
import { jobOf } from "../store/job-of.ts";
import type { RetriedState } from "../store/job-store.ts";
import { removeJobs } from "../store/remove-jobs.ts";
import { storeOf } from "../store/store-of.ts";
import { findNamedJobs } from "./named-jobs.ts";

export interface ChangeJobsOptions {
  /** The number of jobs that are looked at together. Default 500 or, without their rows, 2,000. */
  readonly pageSize?: number | undefined;
  /** Called with the number of jobs that are changed. */
  readonly onProgress?: ((changed: number) => void) | undefined;
  /** Stops with the signal's reason; changes so far stay, and calling again continues. */
  readonly signal?: AbortSignal | undefined;
}

/** What can be done with jobs, and in which states. */
export const changeableStates = {
  retry: ["delayed", "failed"],
  drop: ["waiting", "delayed", "failed"],
  "move-first": ["waiting"],
} as const satisfies Record<string, readonly JobState[]>;

export type JobChange = keyof typeof changeableStates;

/** Returns the filter, limited to the states in which the change applies. */
export function changeable(change: JobChange, filter: JobFilter): JobFilter {
  const possible: readonly JobState[] = changeableStates[change];
  return { ...filter, states: statesOf(filter).filter((state) => possible.includes(state)) };
}

/**
 * Puts failed jobs back into their queue, with all their attempts, and makes delayed jobs run now.
 * Jobs that fail again in the meantime stay failed.
 *
 * @returns the number of jobs
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function retryJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: ChangeJobsOptions = {},
): Promise<number> {
  return await changeEach(queues, changeable("retry", filter), {
    ...options,
    change: (queue, ids, state) => storeOf(queue).jobs.putBack(ids, state as RetriedState),
  });
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
    change: removeJobs,
  });
}

/**
 * Moves waiting jobs to the front of their recipe's queue, in their order.
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
  // The job moved last is taken first.
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

/** The functions that make a change, by its name. */
export const jobChanges: Readonly<Record<JobChange, typeof retryJobs>> = {
  retry: retryJobs,
  drop: dropJobs,
  "move-first": moveJobsFirst,
};

interface ChangeEachOptions extends ChangeJobsOptions {
  /** Returns how many were changed; another program may have changed some first. */
  readonly change: (queue: Queue, ids: readonly string[], state: JobState) => Promise<number>;
}

/** Changes jobs by their ids, a page at a time. */
async function changeEach(
  queues: readonly JobQueue[],
  filter: JobFilter,
  { change, pageSize = 500, onProgress = () => {}, signal }: ChangeEachOptions,
): Promise<number> {
  let changed = 0;
  const changePage = async (queue: Queue, ids: readonly string[], state: JobState) => {
    changed += await withQueueErrors(queue, () => change(queue, ids, state));
    onProgress(changed);
  };
  for (const each of queues) {
    const { queue } = each;
    if (filter.names !== undefined) {
      // One after the other, in the order of the names.
      for await (const { id, state } of findNamedJobs([each], filter, { signal })) {
        await changePage(queue, [id], state);
      }
      continue;
    }
    for (const state of statesOf(filter)) {
      const pages = storeOf(queue).jobs.readPages(state, {
        filter,
        pageSize,
        largestPage: pageSize,
        // Jobs that fail again come after the others.
        isOldestFirst: true,
        signal,
      });
      for await (const { rows } of pages) {
        const ids = rows.map(([id]) => id);
        await changePage(queue, ids, state);
      }
    }
  }
  return changed;
}

async function moveFirst(queue: Queue, ids: readonly string[]): Promise<number> {
  for (const id of ids) await jobOf(queue, id).changePriority({ priority: 0, lifo: true });
  return ids.length;
}
