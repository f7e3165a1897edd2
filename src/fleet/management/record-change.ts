import {
  type ActionFilter,
  type Actor,
  beginAction,
  endAction,
  type NewAction,
} from "../../ledger/actions/action-log.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { WorkerRequest } from "../store/worker-status.ts";
import type { JobChange } from "./change-jobs.ts";

/** The recorded name of a change of jobs. */
export const jobActions: Readonly<Record<JobChange, NewAction["kind"]>> = {
  retry: "retry-jobs",
  drop: "drop-jobs",
  "move-first": "move-jobs-first",
};

/** The recorded name of a request to a worker. */
export const workerActions: Readonly<Record<WorkerRequest, NewAction["kind"]>> = {
  drain: "drain-worker",
  resume: "resume-worker",
  recycle: "recycle-worker",
};

/** What somebody does to a queue. */
export interface QueueAction extends Actor {
  readonly kind: NewAction["kind"];
  readonly filter: ActionFilter;
}

/**
 * Does something to a queue and records it in the queue's results, if there are any. If it fails or
 * is stopped, what was changed until then is recorded.
 *
 * @param work Returns how many jobs, queues or processes it changed; `count` takes how many so far.
 * @returns what `work` returns
 * @throws `INVALID_ARGUMENT`, `LEDGER_…` before anything is done; what `work` throws
 */
export async function recordChange(
  ledger: Ledger | undefined,
  action: QueueAction,
  work: (count: (number: number) => void) => Promise<number>,
): Promise<number> {
  if (ledger === undefined) return await work(() => {});
  const id = await beginAction(ledger, { ...action, recipeHash: undefined });
  let number = 0;
  try {
    number = await work((count) => {
      number = count;
    });
    return number;
  } finally {
    await endAction(ledger, id, { number });
  }
}
