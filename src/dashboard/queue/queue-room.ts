import { hideCredentials } from "../../base/url.ts";
import { askWorkers } from "../../fleet/management/ask-workers.ts";
import {
  changeable,
  dropJobs,
  type JobChange,
  moveJobsFirst,
  retryJobs,
} from "../../fleet/management/change-jobs.ts";
import { countFailures } from "../../fleet/management/count-failures.ts";
import { pauseQueues, resumeQueues } from "../../fleet/management/pause-queues.ts";
import { countJobs, selectJobs } from "../../fleet/management/select-jobs.ts";
import type { FleetQueues, JobQueue } from "../../fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../../fleet/recipes/fleet-status.ts";
import { chooseQueues } from "../../fleet/recipes/recipe-choice.ts";
import { type JobFilter, jobStates } from "../../fleet/store/job-filter.ts";
import type { WorkerWish } from "../../fleet/store/worker-status.ts";
import {
  type Actor,
  beginAction,
  endAction,
  type NewAction,
} from "../../ledger/actions/action-log.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Logger } from "../../logger.ts";
import { adviseOn } from "../../results/failure-advice.ts";
import { Refusal } from "../server/answers.ts";

export interface QueueQuestion {
  /** The parts of the path after `/api/queue`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  /** Ends when the client has gone. */
  readonly signal: AbortSignal;
}

export interface QueueChange {
  readonly parts: readonly string[];
  readonly body: Readonly<Record<string, unknown>>;
  /** Takes down who did what; without it the log does. */
  readonly ledger: Ledger | undefined;
}

type ChangeFunction = typeof retryJobs;

const changes: Readonly<Record<JobChange, { run: ChangeFunction; kind: NewAction["kind"] }>> = {
  retry: { run: retryJobs, kind: "retry-jobs" },
  drop: { run: dropJobs, kind: "drop-jobs" },
  "move-first": { run: moveJobsFirst, kind: "move-jobs-first" },
};

const wishes: Readonly<Record<WorkerWish, NewAction["kind"]>> = {
  drain: "drain-worker",
  resume: "resume-worker",
  recycle: "recycle-worker",
};

const shownJobs = 60;

/** A queue as the control room shows it, and what people do to it. */
export class QueueRoom {
  readonly #fleet: FleetQueues;
  readonly #logger: Logger;

  constructor(fleet: FleetQueues, logger: Logger) {
    this.#fleet = fleet;
    this.#logger = logger;
  }

  /** @throws `Refusal`, `QUEUE_…`, `RECIPE_NOT_FOUND` */
  async answer({ parts, query, signal }: QueueQuestion): Promise<object> {
    const [what] = parts;
    const { base } = this.#fleet;
    if (what === "status") return await base.within(readFleetStatus(this.#fleet), { signal });
    const queues = await this.#queuesOf(query.get("recipe") ?? undefined);
    if (what === "failures") {
      const counts = await countFailures(queues, { states: ["failed"] }, { signal });
      return {
        failures: counts.map(({ code, count }) => ({
          code,
          count,
          ...(code !== undefined && adviseOn(code)),
        })),
      };
    }
    const filter = readJobFilter(query);
    if (what === "jobs") return { jobs: await firstJobs(queues, filter, signal) };
    if (what !== "count") throw new Refusal(404, "There is nothing here.");
    const change = changeOf(query.get("change"));
    const counts = await countJobs(queues, changeable(change, filter), { signal });
    return { jobs: Object.values(counts).reduce((sum, count) => sum + count, 0) };
  }

  /**
   * Does what a person has confirmed, to its end.
   *
   * @throws `Refusal`, `INVALID_ARGUMENT`, `QUEUE_…`, `RECIPE_NOT_FOUND`, `LEDGER_…`
   */
  async change({ parts, body, ledger }: QueueChange): Promise<object> {
    const [what] = parts;
    const { by, recipe } = body;
    if (typeof by !== "string") throw new Refusal(400, "Expected the name of who does it.");
    const actor = { person: by, via: "control room" } as const;
    if (what === "worker") {
      const { name, wish } = body;
      if (typeof name !== "string" || !isKeyOf(wishes, wish)) {
        throw new Refusal(400, `Expected a worker, and one of ${Object.keys(wishes).join(", ")}.`);
      }
      const record = { kind: wishes[wish], filter: { worker: name } };
      return await this.#recorded(ledger, { ...actor, ...record }, async () => {
        return (await askWorkers(this.#fleet.base.bullmq, [name], wish)).length;
      });
    }
    const recipeName = typeof recipe === "string" && recipe !== "" ? recipe : undefined;
    const queues = await this.#queuesOf(recipeName);
    const ofRecipe = recipeName === undefined ? {} : { recipe: recipeName };
    if (what === "pause" && typeof body.isPaused === "boolean") {
      const { isPaused } = body;
      const kind = isPaused ? "pause-queue" : "resume-queue";
      const record: NewAction = { ...actor, kind, recipeHash: undefined, filter: ofRecipe };
      return await this.#recorded(ledger, record, async () => {
        await (isPaused ? pauseQueues(queues) : resumeQueues(queues));
        return queues.length;
      });
    }
    if (what !== "jobs") throw new Refusal(404, "There is nothing here.");
    const query = new URLSearchParams(typeof body.query === "string" ? body.query : "");
    const ids = Array.isArray(body.ids) ? (body.ids as unknown[]).map(String) : undefined;
    const filter = { ...readJobFilter(query), ...(ids && { names: ids }) };
    const { run, kind } = changes[changeOf(body.change)];
    const which = ids ? { jobs: ids.join(" ") } : Object.fromEntries(query);
    return await this.#recorded(ledger, { ...actor, kind, filter: { ...ofRecipe, ...which } }, () =>
      run(queues, filter),
    );
  }

  async #queuesOf(recipe: string | undefined): Promise<readonly JobQueue[]> {
    const all = await this.#fleet.base.within(this.#fleet.all());
    return chooseQueues(all, recipe === undefined ? undefined : [recipe]);
  }

  async #recorded(
    ledger: Ledger | undefined,
    action: Actor & Pick<NewAction, "kind" | "filter">,
    work: () => Promise<number>,
  ): Promise<object> {
    const id = ledger && (await beginAction(ledger, { recipeHash: undefined, ...action }));
    const number = await work();
    if (ledger !== undefined) await endAction(ledger, id!, { number });
    this.#logger.info({ ...action, number }, "somebody has changed the queue");
    return { number };
  }
}

async function firstJobs(queues: readonly JobQueue[], filter: JobFilter, signal: AbortSignal) {
  const jobs = [];
  for await (const job of selectJobs(queues, filter, { pageSize: shownJobs, signal })) {
    const { photo, reason, ...rest } = job;
    jobs.push({
      ...rest,
      photo: photo && hideCredentials(photo),
      reason: reason && { ...reason, message: hideCredentials(reason.message) },
    });
    if (jobs.length === shownJobs) break;
  }
  return jobs;
}

/** @throws `Refusal` for what is no filter */
function readJobFilter(query: URLSearchParams): JobFilter {
  const state = query.get("state") || undefined;
  const known = jobStates.find((each) => each === state);
  if (state !== undefined && known === undefined) {
    throw new Refusal(400, `Expected state to be one of ${jobStates.join(", ")}.`);
  }
  return {
    states: known && [known],
    code: query.get("code") || undefined,
    under: query.get("under") || undefined,
  };
}

function changeOf(text: unknown): JobChange {
  if (isKeyOf(changes, text)) return text;
  throw new Refusal(400, `Expected one of ${Object.keys(changes).join(", ")}.`);
}

function isKeyOf<Key extends string>(
  record: Readonly<Record<Key, unknown>>,
  key: unknown,
): key is Key {
  return typeof key === "string" && Object.hasOwn(record, key);
}
