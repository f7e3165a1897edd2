import type { JobQueue } from "../recipes/fleet-queues.ts";
import type { JobFilter } from "../store/job-filter.ts";
import { storeOf } from "../store/store-of.ts";
import type { SelectJobsOptions } from "./select-jobs.ts";

/** The jobs that failed with one code. */
export interface FailureCount {
  /** Undefined for errors without a code: those of tasks of somebody's own. */
  readonly code: string | undefined;
  readonly count: number;
}

/**
 * Counts the failed jobs by code, the most first.
 *
 * @throws `QUEUE_…`, or the signal's reason
 */
export async function countFailures(
  queues: readonly JobQueue[],
  filter: JobFilter,
  { pageSize = 2_000, signal }: SelectJobsOptions = {},
): Promise<FailureCount[]> {
  const counts = new Map<string, number>();
  for (const { queue } of queues) {
    const parts = storeOf(queue).jobs.countFailures(filter, { pageSize, signal });
    for await (const [code, count] of parts) counts.set(code, (counts.get(code) ?? 0) + count);
  }
  return [...counts]
    .map(([code, count]) => ({ code: code === "" ? undefined : code, count }))
    .sort((a, b) => b.count - a.count);
}
