import type { Queue } from "bullmq";
import type { ChangePagesOptions } from "../job-store.ts";
import { removeJobs } from "../remove-jobs.ts";
import { filterArgumentCount, filterArguments, filterScript } from "./filter-script.ts";
import { type JobSet, sizeOf } from "./job-sets.ts";
import { type QueueScript, runScript } from "./run-script.ts";

/**
 * Takes a page's matching jobs out of the waiting list or a sorted set, and removes them or moves
 * them to the end of the list from which jobs are taken. BullMQ does this for one job at a time,
 * and searches the whole list for each. A page changes atomically: nobody takes a job while it is
 * changed, and a program that dies has changed whole pages.
 *
 * Jobs with a parent, children or a deduplication key are left alone and returned: BullMQ has to
 * change them.
 */
const changeScript: QueueScript = {
  name: "orangeryChangeJobs",
  keys: ["", "SET", "events"],
  lua: `
  ${filterScript}
  local prefix, key, events = KEYS[1], KEYS[2], KEYS[3]
  local state, kind, change, first, size, moved =
    unpack(ARGV, ${filterArgumentCount + 1}, ${filterArgumentCount + 6})
  first, size = tonumber(first), tonumber(size)
  if change == "first" then
    size = math.min(size, redis.call("LLEN", key) - tonumber(moved) - first)
  end
  if size <= 0 then return {0, 0, {}} end
  local gone = "orangery:gone"

  local function isRelated(jobKey)
    local fields = redis.call("HMGET", jobKey, "parentKey", "deid", "rjk")
    return fields[1] or fields[2] or fields[3]
      or redis.call("EXISTS", jobKey .. ":dependencies", jobKey .. ":processed",
        jobKey .. ":failed", jobKey .. ":unsuccessful") > 0
  end

  local range = kind == "list" and "LRANGE" or "ZRANGE"
  local ids = redis.call(range, key, first, first + size - 1)
  local changed, left = {}, {}
  for i, id in ipairs(ids) do
    local jobKey = prefix .. id
    if matches(jobKey, state) then
      if change == "drop" and isRelated(jobKey) then
        left[#left + 1] = id
      else
        changed[#changed + 1] = id
        if kind == "list" then redis.call("LSET", key, first + i - 1, gone) end
      end
    end
  end
  if #changed > 0 then
    if kind == "list" then
      -- From the nearer end.
      local isNear = first * 2 < redis.call("LLEN", key)
      redis.call("LREM", key, isNear and #changed or -#changed, gone)
    else
      redis.call("ZREM", key, unpack(changed))
    end
  end
  if #changed > 0 and change == "first" then redis.call("RPUSH", key, unpack(changed)) end
  if change == "drop" then
    for _, id in ipairs(changed) do
      redis.call("DEL", prefix .. id, prefix .. id .. ":logs")
      redis.call("XADD", events, "MAXLEN", "~", 10000, "*", "event", "removed", "jobId", id,
        "prev", state)
    end
  end
  return {#ids, #changed, left}
`,
};

type Page = readonly [seen: number, changed: number, left: readonly string[]];

/**
 * Changes a set page by page, from the end that is taken last: workers take from the other end in
 * the meantime, and moved jobs keep their order. Yields the number of changed jobs of each page.
 */
export async function* changePages(
  queue: Queue,
  set: JobSet,
  { filter, change, pageSize, signal }: ChangePagesOptions,
): AsyncGenerator<number> {
  const { state, key, kind } = set;
  const script = { ...changeScript, keys: ["", key, "events"] };
  let left = await sizeOf(queue, set);
  let first = 0;
  let total = 0;
  while (left > 0) {
    signal?.throwIfAborted();
    const [seen, changedAtOnce, related]: Page = await runScript(queue, script, [
      ...filterArguments(filter),
      state,
      kind,
      change,
      first,
      Math.min(left, pageSize),
      total,
    ]);
    if (seen === 0) return;
    const removed = await removeJobs(queue, related);
    const changed = changedAtOnce + removed;
    if (changed > 0) yield changed;
    left -= seen;
    first += seen - changed;
    total += changed;
  }
}
