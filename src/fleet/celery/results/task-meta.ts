import type { TaskState } from "../app/celery-results.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import { toIsoTime } from "../protocol/sent-message.ts";

const endStates = new Set<TaskState["status"]>(["SUCCESS", "FAILURE", "REVOKED"]);

/** What Celery's `AsyncResult` reads of a task, except its id. */
export function toMeta({ status, result, traceback, children = [] }: TaskState) {
  const date_done = endStates.has(status) ? toIsoTime(Date.now()) : null;
  return { status, result: result ?? null, traceback: traceback ?? null, children, date_done };
}

/** What `result_extended` stores of a message beside its task's result. */
export function extendMeta(
  { task: name, args, kwargs, retries, queue, envelope }: CeleryMessage,
  worker: string,
) {
  const { stamped_headers, stamps } = envelope.headers;
  return {
    name,
    args,
    kwargs,
    worker,
    retries,
    queue: queue ?? null,
    ...(Array.isArray(stamped_headers) && { stamped_headers, ...(stamps as object) }),
  };
}
