import type { JobQueue } from "../recipes/fleet-queues.ts";
import {
  type JobFilter,
  type JobState,
  jobStates,
  statesOf,
  takesAll,
} from "../store/job-filter.ts";
import { storeOf } from "../store/store-of.ts";
import { type FoundJob, toFoundJob } from "./found-job.ts";
import { findNamedJobs } from "./named-jobs.ts";

export interface SelectJobsOptions {
  /** The number of jobs that the server looks at in the first request. Default 500. */
  readonly pageSize?: number | undefined;
  /** Later requests look at more, up to this number. Default 2,000. */
  readonly largestPage?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type JobCounts = { readonly [state in JobState]: number };

/**
 * Finds jobs in all queues, in the order in which they will run; failed ones newest first. They are
 * read in pages, in bounded memory. Jobs that are added or change state in the meantime may be
 * missed, or found twice.
 *
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function* selectJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: SelectJobsOptions = {},
): AsyncGenerator<FoundJob> {
  if (filter.names !== undefined) {
    yield* findNamedJobs(queues, filter, options);
    return;
  }
  for (const state of statesOf(filter)) {
    for (const { recipe, queue } of queues) {
      const pages = storeOf(queue).jobs.readPages(state, { ...options, filter });
      for await (const { rows } of pages) {
        for (const row of rows) yield toFoundJob(row, { state, recipe });
      }
    }
  }
}

/**
 * Counts jobs by state. This is instant unless the filter looks at jobs: then the server scans all
 * of them.
 *
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function countJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  options: SelectJobsOptions = {},
): Promise<JobCounts> {
  const counts = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<
    JobState,
    number
  >;
  if (filter.names !== undefined) {
    for await (const { state } of findNamedJobs(queues, filter, options)) counts[state]++;
    return counts;
  }
  for (const state of statesOf(filter)) {
    for (const { queue } of queues) {
      const { jobs } = storeOf(queue);
      if (takesAll(filter)) {
        counts[state] += await jobs.sizeOf(state);
        continue;
      }
      const pages = jobs.readPages(state, { ...options, filter, isCount: true });
      for await (const { matching } of pages) counts[state] += matching;
    }
  }
  return counts;
}
