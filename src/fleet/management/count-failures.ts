import type { JobQueue } from "../recipes/fleet-queues.ts";
import {
  filterArgumentCount,
  filterArguments,
  filterScript,
  type JobFilter,
} from "./job-filter.ts";
import { type QueueScript, runScript } from "./run-script.ts";
import type { SelectJobsOptions } from "./select-jobs.ts";

/** The jobs that failed with one code. */
export interface FailureCount {
  /** Undefined for errors without a code: those of tasks of somebody's own. */
  readonly code: string | undefined;
  readonly count: number;
}

const countScript: QueueScript = {
  name: "orangeryCountFailures",
  keys: ["", "failed"],
  lua: `
  ${filterScript}
  local prefix = KEYS[1]
  local first, size = unpack(ARGV, ${filterArgumentCount + 1}, ${filterArgumentCount + 2})
  local ids = redis.call("ZRANGE", KEYS[2], first, first + size - 1)
  local counts, names = {}, {}
  for _, id in ipairs(ids) do
    local jobKey = prefix .. id
    if matches(jobKey, "failed") then
      local reason = redis.call("HGET", jobKey, "failedReason") or ""
      local colon = string.find(reason, ": ", 1, true) or 1
      local name = string.sub(reason, 1, colon - 1)
      if not counts[name] and not string.find(name, "^[A-Z][A-Z0-9_]+$") then name = "" end
      if not counts[name] then names[#names + 1] = name end
      counts[name] = (counts[name] or 0) + 1
    end
  end
  local rows = {}
  for i, name in ipairs(names) do rows[i] = {name, counts[name]} end
  return {#ids, rows}
`,
};

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
    for (let first = 0; ; ) {
      signal?.throwIfAborted();
      const args = [...filterArguments(filter), first, pageSize];
      const [seen, rows] = await runScript<[number, [string, number][]]>(queue, countScript, args);
      for (const [code, count] of rows) counts.set(code, (counts.get(code) ?? 0) + count);
      first += seen;
      if (seen < pageSize) break;
    }
  }
  return [...counts]
    .map(([code, count]) => ({ code: code === "" ? undefined : code, count }))
    .sort((a, b) => b.count - a.count);
}
