import type { Queue, Worker } from "bullmq";
import type { JobFilter, JobState } from "../job-filter.ts";
import { jobOf } from "../job-of.ts";
import type {
  ChangePagesOptions,
  JobPage,
  JobRow,
  JobStore,
  ReadPagesOptions,
  RetriedState,
} from "../job-store.ts";
import { changePages } from "./change-pages.ts";
import { filterArgumentCount, filterArguments, filterScript } from "./filter-script.ts";
import { setsOf, sizeOf } from "./job-sets.ts";
import { readPages } from "./read-pages.ts";
import { rowScript } from "./row-script.ts";
import { type QueueScript, runScript } from "./run-script.ts";

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
 * Jobs in Redis. Scripts run on the server, so that a filter can scan hundreds of thousands of
 * jobs.
 */
export class RedisJobs implements JobStore {
  readonly #queue: Queue | Worker;

  constructor(queue: Queue | Worker) {
    this.#queue = queue;
  }

  async sizeOf(state: JobState): Promise<number> {
    const sizes = await Promise.all(setsOf(state).map((set) => sizeOf(this.#queue, set)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async *readPages(state: JobState, options: ReadPagesOptions): AsyncGenerator<JobPage> {
    for (const set of setsOf(state)) yield* readPages(this.#queue, set, options);
  }

  async *changePages(state: JobState, options: ChangePagesOptions): AsyncGenerator<number> {
    for (const set of setsOf(state)) {
      // Jobs with a priority are moved by name only.
      if (options.change === "first" && set.kind === "zset") continue;
      yield* changePages(this.#queue as Queue, set, options);
    }
  }

  async putBack(ids: readonly string[], state: RetriedState): Promise<number> {
    const outcomes = await Promise.all(ids.map((id) => this.#putBackOne(id, state)));
    return outcomes.filter(Boolean).length;
  }

  /** False if another program was faster. */
  async #putBackOne(id: string, state: RetriedState): Promise<boolean> {
    const queue = this.#queue as Queue;
    const job = jobOf(queue, id);
    try {
      await (state === "delayed"
        ? job.promote()
        : job.retry("failed", { resetAttemptsMade: true }));
      return true;
    } catch (error) {
      if ((await queue.getJobState(id)) === state) throw error;
      return false;
    }
  }

  async lookUp(ids: readonly string[], filter: JobFilter): Promise<readonly [JobState, JobRow][]> {
    return await runScript(this.#queue, lookUpScript, [...filterArguments(filter), ...ids]);
  }

  async *countFailures(
    filter: JobFilter,
    { pageSize = 2_000, signal }: Pick<ReadPagesOptions, "pageSize" | "signal">,
  ): AsyncGenerator<readonly [string, number]> {
    for (let first = 0; ; ) {
      signal?.throwIfAborted();
      const [seen, rows] = await runScript<[number, [string, number][]]>(this.#queue, countScript, [
        ...filterArguments(filter),
        first,
        pageSize,
      ]);
      yield* rows;
      first += seen;
      if (seen < pageSize) return;
    }
  }

  async endings(ids: readonly string[]): Promise<ReadonlyMap<string, "ended" | "left">> {
    const client = await this.#queue.getBackend().client;
    const states = new Map<string, "ended" | "left">();
    await Promise.all(
      ids.map(async (id) => {
        const [name, finishedOn] = await client.hmget(this.#queue.toKey(id), "name", "finishedOn");
        if (name != null) states.set(id, finishedOn == null ? "left" : "ended");
      }),
    );
    return states;
  }
}
