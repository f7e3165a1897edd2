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

/** What happens to a worker from outside its tasks: control commands and expired time limits. */
export class NodeActions {
  readonly #options: NodeActionsOptions;

  constructor(options: NodeActionsOptions) {
    this.#options = options;
  }

  /**
   * Records that tasks are revoked, as every Celery worker does, and on request aborts the running
   * ones, which it returns.
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

  /** A task that exceeds its hard limit can be stopped only with its process. */
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
