import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { JobProcessor } from "../jobs/job-processor.ts";
import type { CloseWorkerOptions } from "../worker/worker-life.ts";
import type { CheckedCeleryOptions } from "./app/celery-options.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import type { CeleryDeliveries } from "./celery-deliveries.ts";
import type { CeleryMessage } from "./protocol/celery-message.ts";
import { celeryException, celeryExceptions } from "./protocol/python-exception.ts";

export interface NodeActionsOptions {
  readonly app: Pick<CheckedCeleryOptions, "endProcess" | "onShutdown">;
  readonly results: CeleryResults;
  readonly processor: Pick<JobProcessor<unknown, unknown>, "cancel">;
  readonly deliveries: Pick<CeleryDeliveries, "timeOut">;
  /** Closes the worker. */
  readonly close: (options?: CloseWorkerOptions) => Promise<void>;
  readonly logger: Logger;
}

/** What happens to a worker from outside of its tasks: commands, and limits that have passed. */
export class NodeActions {
  readonly #options: NodeActionsOptions;

  constructor(options: NodeActionsOptions) {
    this.#options = options;
  }

  /**
   * Stores that tasks are revoked, as each of Celery's workers does, and on request aborts those
   * that run. Returns these.
   */
  readonly revoke = async (
    ids: readonly string[],
    { isTerminated }: { readonly isTerminated: boolean },
  ): Promise<readonly string[]> => {
    const { results, processor } = this.#options;
    const exception = celeryException(celeryExceptions.revoked, "revoked");
    for (const id of ids) await results.storeFailed({ id, status: "REVOKED", exception });
    return isTerminated ? ids.filter((id) => processor.cancel(id, revoked(id))) : [];
  };

  readonly shutDown = (): void => {
    const { app, close, logger } = this.#options;
    logger.info({}, "a control command shuts the worker down");
    if (app.onShutdown !== undefined) app.onShutdown();
    else void close();
  };

  /** A task that does not end within its hard limit cannot be stopped but with its process. */
  async endProcess(message: CeleryMessage, limitMs: number): Promise<void> {
    const { app, deliveries, close, logger } = this.#options;
    const { id, task } = message;
    logger.error({ jobId: id, task, limitMs }, "a task passed its hard limit");
    try {
      await deliveries.timeOut(message, limitMs);
      // The other tasks go back to the queue.
      await close({ deadlineMs: 0 });
    } finally {
      (app.endProcess ?? (() => process.kill(process.pid, "SIGKILL")))();
    }
  }
}

function revoked(id: string): OrangeryError {
  return new OrangeryError(
    "TASK_REVOKED",
    `Expected task ${id} to run to its end, but a client of Celery has revoked it.`,
    { details: { id } },
  );
}
