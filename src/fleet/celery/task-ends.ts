import { isOrangeryError } from "../../errors.ts";
import type { TakenMessage } from "./app/celery-broker.ts";
import type { CheckedCeleryOptions } from "./app/celery-options.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import type { CeleryEvents } from "./control/celery-events.ts";
import { FollowUps } from "./follow-ups.ts";
import type { CeleryMessage, RefusedMessage } from "./protocol/celery-message.ts";
import {
  celeryException,
  celeryExceptions,
  type PythonException,
  pythonRepr,
  reprException,
  toPythonException,
} from "./protocol/python-exception.ts";
import { type SentMessage, toRetryMessage } from "./protocol/sent-message.ts";

export interface TaskEndsOptions {
  readonly app: CheckedCeleryOptions;
  readonly results: CeleryResults;
  readonly events: CeleryEvents;
}

/** A message in progress. */
export interface Delivery {
  readonly message: CeleryMessage;
  readonly taken: TakenMessage;
}

/** A task's failure, in Celery's terms. */
export interface CeleryFailure {
  readonly state: "FAILURE" | "REVOKED";
  readonly exception: PythonException;
  readonly traceback?: string | undefined;
}

/**
 * Ends the work on messages in Celery's order: the result, then what follows, then the
 * acknowledgement.
 */
export class TaskEnds {
  readonly #options: TaskEndsOptions;
  readonly #followUps: FollowUps;

  constructor(options: TaskEndsOptions) {
    this.#options = options;
    const { results, app } = options;
    this.#followUps = new FollowUps({ results, routing: app });
  }

  /** Says what of a message's canvas cannot be sent from here, before its task is begun. */
  findUnsupported(message: CeleryMessage): string | undefined {
    return this.#followUps.findUnsupported(message);
  }

  /** Whether a message's result is to be ignored. */
  isIgnored({ ignoreResult }: CeleryMessage): boolean {
    return ignoreResult || this.#options.app.ignoreResult;
  }

  async succeed(delivery: Delivery, result: unknown, durationMs: number): Promise<void> {
    const { results, events } = this.#options;
    const { message, taken } = delivery;
    const { id } = message;
    try {
      JSON.stringify(result);
    } catch (error) {
      const exception = celeryException(celeryExceptions.encodeError, String(error));
      return await this.fail(delivery, { state: "FAILURE", exception });
    }
    const next = await this.#followUps.afterSuccess(message, result);
    if (!this.isIgnored(message)) {
      await results.store(message, { status: "SUCCESS", result, children: next.children });
    }
    const part = await this.#followUps.afterPart(message, { state: "SUCCESS", result });
    const sent = [...next.sent, ...part.sent];
    const isOurs = await taken.settle({ taskId: id, sent });
    if (!isOurs) return;
    for (const group of part.endedChords) await results.chords?.end(group);
    const runtime = durationMs / 1000;
    events.task("task-succeeded", { uuid: id, result: pythonRepr(result), runtime });
  }

  async fail(delivery: Delivery, failure: CeleryFailure): Promise<void> {
    const { app, results, events } = this.#options;
    const { message, taken } = delivery;
    const { state, exception, traceback } = failure;
    const { id } = message;
    const isStored = !this.isIgnored(message) || app.storeErrorsEvenIfIgnored;
    if (isStored) await results.store(message, { status: state, result: exception, traceback });
    const next = await this.#followUps.afterFailure(message, { state, exception, isStored });
    const isOurs = await taken.settle({ taskId: id, sent: next.sent });
    if (!isOurs) return;
    for (const group of next.endedChords) await results.chords?.end(group);
    if (state === "FAILURE") {
      events.task("task-failed", { uuid: id, exception: reprException(exception), traceback });
    }
  }

  /** As `self.retry` does: another message with the same id, then the acknowledgement of this. */
  async retry({ message, taken }: Delivery, error: unknown): Promise<void> {
    const { app, results, events } = this.#options;
    const { retries, id } = message;
    const pauseMs = app.backoffMs * 2 ** Math.min(retries, 30) * (1 - Math.random() / 2);
    const etaMs = Date.now() + pauseMs;
    const exception = toPythonException(error);
    const traceback = stackOf(error);
    if (!this.isIgnored(message)) {
      await results.store(message, { status: "RETRY", result: exception, traceback });
    }
    const sent: SentMessage[] = [toRetryMessage(message, { queue: taken.queue, etaMs })];
    if (!(await taken.settle({ taskId: id, sent }))) return;
    events.task("task-retried", { uuid: id, exception: reprException(exception), traceback });
  }

  /** Fails a task that cannot be started, if its caller is known. */
  async refuse(
    taken: TakenMessage,
    { id, replyTo, exception }: Pick<RefusedMessage, "id" | "replyTo" | "exception">,
  ): Promise<void> {
    if (id !== undefined) {
      await this.#options.results.storeFailed({ id, status: "FAILURE", exception, replyTo });
    }
    await taken.settle({ taskId: id });
  }
}

/** Converts a task's error into its failure. */
export function toCeleryFailure(error: unknown): CeleryFailure {
  if (isOrangeryError(error, "TASK_REVOKED")) {
    const exception = celeryException(celeryExceptions.revoked, "terminated");
    return { state: "REVOKED", exception };
  }
  if (isOrangeryError(error, "TASK_TIMED_OUT")) {
    const exception = celeryException(celeryExceptions.softTimeLimit, error.message);
    return { state: "FAILURE", exception, traceback: stackOf(error) };
  }
  return { state: "FAILURE", exception: toPythonException(error), traceback: stackOf(error) };
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
