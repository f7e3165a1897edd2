import { photoJobId } from "../count/photo-job-data.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { type JobFilter, statesOf } from "../store/job-filter.ts";
import { storeOf } from "../store/store-of.ts";
import { type FoundJob, toFoundJob } from "./found-job.ts";

/** Jobs that are looked up in one request: Redis searches for those that wait in a list. */
const jobsAtOnce = 20;

export interface FindNamedJobsOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Finds jobs by their ids, or by the sources of their photos: each recipe may have one. */
export async function* findNamedJobs(
  queues: readonly JobQueue[],
  filter: JobFilter,
  { signal }: FindNamedJobsOptions = {},
): AsyncGenerator<FoundJob> {
  const states = statesOf(filter);
  for (const { recipe, queue } of queues) {
    const named = (filter.names ?? []).flatMap((name) =>
      recipe === undefined ? [name] : [name, photoJobId(name, recipe.hash)],
    );
    // A job may be named twice, by its photo and its id.
    const ids = [...new Set(named)];
    for (let first = 0; first < ids.length; first += jobsAtOnce) {
      signal?.throwIfAborted();
      const page = ids.slice(first, first + jobsAtOnce);
      const found = await storeOf(queue).jobs.lookUp(page, filter);
      for (const [state, row] of found) {
        if (states.includes(state)) yield toFoundJob(row, { state, recipe });
      }
    }
  }
}
