import type { Queue } from "bullmq";
import type { JobQueue } from "../recipes/fleet-queues.ts";
import { type FoundJob, type JobRow, rowScript, toFoundJob } from "./found-job.ts";
import {
  filterArgumentCount,
  filterArguments,
  filterScript,
  type JobFilter,
  type JobState,
  jobStates,
  statesOf,
  takesAll,
} from "./job-filter.ts";
import { type JobSet, setsOf, sizeOf } from "./job-sets.ts";
import { findNamedJobs } from "./named-jobs.ts";
import { type QueueScript, runScript } from "./run-script.ts";

export interface SelectJobsOptions {
  /** The number of jobs that Redis looks at in the first request. Default 500. */
  readonly pageSize?: number | undefined;
  /** Later requests look at more, up to this number. Default 2,000. */
  readonly largestPage?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type JobCounts = { readonly [state in JobState]: number };

type Page = readonly [
  looked: number,
  /** From the end that the pages begin at. */
  seen: number,
  matching: number,
  lastId: string,
  lastScore: string,
  rows: readonly JobRow[],
];

/**
 * Looks at a page of a set, behind the job that the page before ended with. Where that one is gone,
 * it was taken from the end that is looked at first, and the page begins there; in a sorted set its
 * score says where.
 */
const pageScript: QueueScript = {
  name: "orangeryJobPage",
  keys: ["", "SET"],
  lua: `
  ${filterScript}
  ${rowScript}
  local prefix, key = KEYS[1], KEYS[2]
  local state, kind, reversed, size, seen, after, score, isCount =
    unpack(ARGV, ${filterArgumentCount + 1}, ${filterArgumentCount + 8})
  reversed, size, seen, isCount = reversed == "1", tonumber(size), tonumber(seen), isCount == "1"

  local first = 0
  if after ~= "" and kind == "list" then
    -- Searching takes as long as the list is, so the place where it was comes first.
    if redis.call("LINDEX", key, reversed and -seen or seen - 1) == after then
      first = seen
    else
      local found = redis.call("LPOS", key, after, "RANK", reversed and -1 or 1)
      if found then first = reversed and redis.call("LLEN", key) - found or found + 1 end
    end
  elseif after ~= "" then
    local rank = redis.call(reversed and "ZREVRANK" or "ZRANK", key, after)
    if rank then
      first = rank + 1
    elseif reversed then
      first = redis.call("ZCOUNT", key, "(" .. score, "+inf")
    else
      first = redis.call("ZCOUNT", key, "-inf", "(" .. score)
    end
  end

  local ids = {}
  if kind == "zset" then
    ids = redis.call(reversed and "ZREVRANGE" or "ZRANGE", key, first, first + size - 1)
  elseif reversed then
    local stored = redis.call("LRANGE", key, -first - size, -first - 1)
    for i = #stored, 1, -1 do ids[#ids + 1] = stored[i] end
  else
    ids = redis.call("LRANGE", key, first, first + size - 1)
  end

  local rows, matching = {}, 0
  for _, id in ipairs(ids) do
    if matches(prefix .. id, state) then
      matching = matching + 1
      if not isCount then rows[matching] = row(prefix, id) end
    end
  end
  local last = ids[#ids] or ""
  local lastScore = kind == "zset" and last ~= "" and redis.call("ZSCORE", key, last) or ""
  return {#ids, first + #ids, matching, last, lastScore, rows}
`,
};

/**
 * Finds jobs in all queues, those first that are taken or tried first, and of the failed ones the
 * newest. They are read in pages: any number takes bounded memory. Jobs that come or change their
 * state meanwhile may be missed, or found twice.
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
  for (const set of setsOf(statesOf(filter))) {
    for (const { recipe, queue } of queues) {
      for await (const { rows } of readPages(queue, set, { ...options, filter })) {
        for (const row of rows) yield toFoundJob(row, { state: set.state, recipe });
      }
    }
  }
}

/**
 * Counts jobs by state. Without a filter that looks at them, it takes no time; else it goes over
 * all of them in Redis.
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
  for (const set of setsOf(statesOf(filter))) {
    for (const { queue } of queues) {
      if (takesAll(filter)) {
        counts[set.state] += await sizeOf(queue, set);
        continue;
      }
      const pages = readPages(queue, set, { ...options, filter, isCount: true });
      for await (const { matching } of pages) counts[set.state] += matching;
    }
  }
  return counts;
}

interface ReadPagesOptions extends SelectJobsOptions {
  readonly filter: JobFilter;
  /** Reads no rows. */
  readonly isCount?: boolean | undefined;
}

interface JobPage {
  readonly matching: number;
  readonly rows: readonly JobRow[];
}

/**
 * Reads the pages of a set, as many jobs as it has at the beginning: those that come back while
 * pages are worked on are not looked at again and again.
 */
export async function* readPages(
  queue: Queue,
  set: JobSet,
  { filter, isCount = false, pageSize = 500, largestPage = 2_000, signal }: ReadPagesOptions,
): AsyncGenerator<JobPage> {
  const { state, key, kind, isReversed } = set;
  const script = { ...pageScript, keys: ["", key] };
  let left = await sizeOf(queue, set);
  let seen = 0;
  let after = "";
  let score = "";
  for (let size = pageSize; left > 0; size = Math.min(2 * size, largestPage)) {
    signal?.throwIfAborted();
    const page: Page = await runScript(queue, script, [
      ...filterArguments(filter),
      state,
      kind,
      Number(isReversed),
      Math.min(left, size),
      seen,
      after,
      score,
      Number(isCount),
    ]);
    const [looked, seenNow, matching, lastId, lastScore, rows] = page;
    if (looked === 0) return;
    yield { matching, rows };
    left -= looked;
    seen = seenNow;
    after = lastId;
    score = lastScore;
  }
}
