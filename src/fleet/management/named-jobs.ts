import { photoJobId } from "../count/photo-job-data.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { type FoundJob, type JobRow, rowScript, toFoundJob } from "./found-job.ts";
import {
  filterArgumentCount,
  filterArguments,
  filterScript,
  type JobFilter,
  type JobState,
  statesOf,
} from "./job-filter.ts";
import { type QueueScript, runScript } from "./run-script.ts";

/** Jobs that are looked up in one request: those that wait are searched for in a list. */
const jobsAtOnce = 20;

const lookUpScript: QueueScript = {
  name: "orangeryLookUpJobs",
  keys: ["", "active", "wait", "prioritized", "delayed", "failed"],
  lua: `
  ${filterScript}
  ${rowScript}
  local prefix = KEYS[1]
  local function stateOf(id)
    if redis.call("ZSCORE", KEYS[6], id) then return "failed" end
    if redis.call("ZSCORE", KEYS[5], id) then return "delayed" end
    if redis.call("ZSCORE", KEYS[4], id) then return "waiting" end
    if redis.call("LPOS", KEYS[2], id) then return "active" end
    return redis.call("LPOS", KEYS[3], id) and "waiting"
  end
  local found = {}
  for i = ${filterArgumentCount + 1}, #ARGV do
    local id = ARGV[i]
    local state = redis.call("EXISTS", prefix .. id) == 1 and stateOf(id)
    if state and matches(prefix .. id, state) then
      found[#found + 1] = {state, row(prefix, id)}
    end
  end
  return found
`,
};

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
    const ids = (filter.names ?? []).flatMap((name) =>
      recipe === undefined ? [name] : [name, photoJobId(name, recipe.hash)],
    );
    for (let first = 0; first < ids.length; first += jobsAtOnce) {
      signal?.throwIfAborted();
      const found: readonly [JobState, JobRow][] = await runScript(queue, lookUpScript, [
        ...filterArguments(filter),
        ...ids.slice(first, first + jobsAtOnce),
      ]);
      for (const [state, row] of found) {
        if (states.includes(state)) yield toFoundJob(row, { state, recipe });
      }
    }
  }
}
