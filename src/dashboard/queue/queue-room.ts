import { hideCredentials } from "../../base/url.ts";
import { askWorkers } from "../../fleet/management/ask-workers.ts";
import { changeable, type JobChange, jobChanges } from "../../fleet/management/change-jobs.ts";
import { countFailures } from "../../fleet/management/count-failures.ts";
import { pauseQueues, resumeQueues } from "../../fleet/management/pause-queues.ts";
import {
  jobActions,
  type QueueAction,
  recordChange,
  workerActions,
} from "../../fleet/management/record-change.ts";
import { countJobs, selectJobs } from "../../fleet/management/select-jobs.ts";
import type { FleetQueues, JobQueue } from "../../fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../../fleet/recipes/fleet-status.ts";
import { chooseQueues } from "../../fleet/recipes/recipe-choice.ts";
import { type JobFilter, jobStates } from "../../fleet/store/job-filter.ts";
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
      const { name, wish: request } = body;
      if (typeof name !== "string" || !isKeyOf(workerActions, request)) {
        const requests = Object.keys(workerActions).join(", ");
        throw new Refusal(400, `Expected a worker, and one of ${requests}.`);
      }
      const record = { kind: workerActions[request], filter: { worker: name } };
      return await this.#recorded(ledger, { ...actor, ...record }, async () => {
        return (await askWorkers(this.#fleet.base.bullmq, [name], request)).length;
      });
    }
    const recipeName = typeof recipe === "string" && recipe !== "" ? recipe : undefined;
    const queues = await this.#queuesOf(recipeName);
    const ofRecipe = recipeName === undefined ? {} : { recipe: recipeName };
    if (what === "pause" && typeof body.isPaused === "boolean") {
      const { isPaused } = body;
      const kind = isPaused ? "pause-queue" : "resume-queue";
      const record: QueueAction = { ...actor, kind, filter: ofRecipe };
      return await this.#recorded(ledger, record, async () => {
        await (isPaused ? pauseQueues(queues) : resumeQueues(queues));
        return queues.length;
      });
    }
    if (what !== "jobs") throw new Refusal(404, "There is nothing here.");
    const query = new URLSearchParams(typeof body.query === "string" ? body.query : "");
    const ids = Array.isArray(body.ids) ? (body.ids as unknown[]).map(String) : undefined;
    const filter = { ...readJobFilter(query), ...(ids && { names: ids }) };
    const change = changeOf(body.change);
    const kind = jobActions[change];
    const which = ids ? { jobs: ids.join(" ") } : Object.fromEntries(query);
    const record = { ...actor, kind, filter: { ...ofRecipe, ...which } };
    return await this.#recorded(ledger, record, (onProgress) =>
      jobChanges[change](queues, filter, { onProgress }),
    );
  }

  async #queuesOf(recipe: string | undefined): Promise<readonly JobQueue[]> {
    const all = await this.#fleet.base.within(this.#fleet.all());
    return chooseQueues(all, recipe === undefined ? undefined : [recipe]);
  }

  async #recorded(
    ledger: Ledger | undefined,
    action: QueueAction,
    work: Parameters<typeof recordChange>[2],
  ): Promise<object> {
    const number = await recordChange(ledger, action, work);
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
  if (isKeyOf(jobChanges, text)) return text;
  throw new Refusal(400, `Expected one of ${Object.keys(jobChanges).join(", ")}.`);
}

function isKeyOf<Key extends string>(
  record: Readonly<Record<Key, unknown>>,
  key: unknown,
): key is Key {
  return typeof key === "string" && Object.hasOwn(record, key);
}
