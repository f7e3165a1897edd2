import type { Queue, Worker } from "bullmq";
import type { JobPage, JobRow, ReadPagesOptions } from "../job-store.ts";
import { filterArgumentCount, filterArguments, filterScript } from "./filter-script.ts";
import { type JobSet, sizeOf } from "./job-sets.ts";
import { rowScript } from "./row-script.ts";
import { type QueueScript, runScript } from "./run-script.ts";

type Page = readonly [
  looked: number,
  /** Counted from the end where the pages begin. */
  seen: number,
  matching: number,
  lastId: string,
  lastScore: string,
  rows: readonly JobRow[],
];

/**
 * Reads a page of a set, after the last job of the previous page. If that job is gone, it was taken
 * from the end where the pages begin, so the page begins there; in a sorted set its score gives the
 * position.
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

/** Reads the pages of a set. */
export async function* readPages(
  queue: Queue | Worker,
  set: JobSet,
  options: ReadPagesOptions,
): AsyncGenerator<JobPage> {
  const { filter, isCount = false, isOldestFirst, signal } = options;
  const { pageSize = 500, largestPage = 2_000 } = options;
  const { state, key, kind } = set;
  const isReversed = set.isReversed && !isOldestFirst;
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
