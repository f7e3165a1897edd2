import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { JobEnd } from "../jobs/job-end.ts";
import type { JobProcessor } from "../jobs/job-processor.ts";
import type { TakenMessage } from "./app/celery-broker.ts";
import type { CheckedCeleryOptions } from "./app/celery-options.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import { CeleryJob } from "./celery-job.ts";
import type { CeleryEvents } from "./control/celery-events.ts";
import type { RevokedTasks } from "./control/revoked-tasks.ts";
import { FollowUps } from "./follow-ups.ts";
import {
  type CeleryMessage,
  type RefusedMessage,
  readCeleryMessage,
} from "./protocol/celery-message.ts";
import {
  builtinException,
  celeryException,
  celeryExceptions,
  type PythonException,
  pythonRepr,
  pythonTuple,
  reprException,
  toPythonException,
} from "./protocol/python-exception.ts";
import { type SentMessage, toRetryMessage } from "./protocol/sent-message.ts";
import type { BoundCall, ServedResult, ServedTasks } from "./served-tasks.ts";

export interface CeleryDeliveriesOptions {
  readonly app: CheckedCeleryOptions;
  readonly tasks: ServedTasks;
  readonly processor: Pick<JobProcessor<BoundCall, ServedResult>, "process">;
  readonly results: CeleryResults;
  readonly events: CeleryEvents;
  readonly revoked: RevokedTasks;
  readonly logger: Logger;
}

/** A message that is worked on. */
export interface RunningMessage {
  readonly message: CeleryMessage;
  readonly sinceMs: number;
}

/** A message in work. */
interface Delivery {
  readonly message: CeleryMessage;
  readonly taken: TakenMessage;
}

/** How a task has failed, for Celery. */
interface CeleryFailure {
  readonly state: "FAILURE" | "REVOKED";
  readonly exception: PythonException;
  readonly traceback?: string | undefined;
}

/**
 * What happens to the messages that a worker takes, in Celery's order: the result, then what
 * follows, then the acknowledgement. The last two are one step: what follows a task is sent exactly
 * when its message is acknowledged.
 */
export class CeleryDeliveries {
  readonly #options: CeleryDeliveriesOptions;
  readonly #followUps: FollowUps;
  readonly #running = new Map<CeleryMessage, Delivery & { readonly sinceMs: number }>();
  readonly #totals: Record<string, number> = {};

  constructor(options: CeleryDeliveriesOptions) {
    this.#options = options;
    const { results, app } = options;
    this.#followUps = new FollowUps({ results, routing: app });
  }

  get running(): readonly RunningMessage[] {
    return [...this.#running.values()];
  }

  /** How many messages of each task have ended, or were begun. */
  get totals(): Readonly<Record<string, number>> {
    return this.#totals;
  }

  /** Does what a message asks for. */
  async handle(taken: TakenMessage): Promise<void> {
    const read = readCeleryMessage(taken.content);
    try {
      await this.#receive(taken, read);
    } catch (err) {
      this.#options.logger.error({ err }, "a message could not be handled");
      // It would come back for ever. Where the broker is gone, this fails, too, and it does.
      const { id, replyTo } = "message" in read ? read.message : read.refused;
      await this.#refuse(taken, { id, replyTo, exception: toPythonException(err) });
    }
  }

  async #receive(taken: TakenMessage, read: ReturnType<typeof readCeleryMessage>): Promise<void> {
    if ("refused" in read) {
      const { id, task, reason } = read.refused;
      const { logger } = this.#options;
      logger.warn({ jobId: id, task, queue: taken.queue, reason }, "a message is refused");
      await this.#refuse(taken, read.refused);
      return;
    }
    const { message } = read;
    const delivery = { message, taken };
    const now = Date.now();
    this.#announce(message);
    if (message.expiresMs !== undefined && message.expiresMs <= now) {
      await this.#revoke(delivery, "expired");
    } else if (this.#options.revoked.has(message.id)) {
      await this.#revoke(delivery, "revoked");
    } else if (message.etaMs !== undefined && message.etaMs > now) {
      await taken.delay(message.etaMs);
    } else {
      await this.#begin(delivery);
    }
  }

  /** Ends a task that has passed its hard time limit; its process is to end next. */
  async timeOut(message: CeleryMessage, limitMs: number): Promise<void> {
    const delivery = this.#running.get(message);
    if (delivery === undefined) return;
    this.#running.delete(message);
    const exception = celeryException(celeryExceptions.timeLimit, limitMs / 1000);
    await this.#fail(delivery, { state: "FAILURE", exception });
  }

  /** Has a task fail that cannot be begun, where it is known who waits for it. */
  async #refuse(
    taken: TakenMessage,
    { id, replyTo, exception }: Pick<RefusedMessage, "id" | "replyTo" | "exception">,
  ): Promise<void> {
    if (id !== undefined) {
      await this.#options.results.storeFailed({ id, status: "FAILURE", exception, replyTo });
    }
    await taken.settle({ taskId: id });
  }

  #announce(message: CeleryMessage): void {
    const { id, task, args, kwargs, rootId, parentId, retries, envelope } = message;
    const { argsrepr, kwargsrepr, eta = null, expires = null } = envelope.headers;
    this.#options.events.task("task-received", {
      uuid: id,
      name: task,
      args: typeof argsrepr === "string" ? argsrepr : pythonTuple(args),
      kwargs: typeof kwargsrepr === "string" ? kwargsrepr : pythonRepr(kwargs),
      root_id: rootId,
      parent_id: parentId ?? null,
      retries,
      eta,
      expires,
    });
  }

  async #begin(delivery: Delivery): Promise<void> {
    const { tasks, results, logger } = this.#options;
    const { message } = delivery;
    if (!tasks.has(message.task)) {
      logger.warn({ jobId: message.id, task: message.task }, "a message names an unknown task");
      const exception = celeryException(celeryExceptions.notRegistered, message.task);
      return await this.#fail(delivery, { state: "FAILURE", exception });
    }
    const unsupported = this.#followUps.findUnsupported(message);
    if (unsupported !== undefined) {
      const exception = builtinException("NotImplementedError", unsupported);
      return await this.#fail(delivery, { state: "FAILURE", exception });
    }
    if (message.isRedelivered) {
      // Its worker may have died between the result and the acknowledgement.
      const known = await results.readSuccess(message.id);
      if (known !== undefined) return await this.#succeed(delivery, known.result, 0);
    }
    await this.#run(delivery);
  }

  async #run(delivery: Delivery): Promise<void> {
    const { app, results, events, processor } = this.#options;
    const { message, taken } = delivery;
    if (!app.acksLate) await taken.acknowledge();
    const isIgnored = this.#isIgnored(message);
    if (app.trackStarted && !isIgnored) {
      const result = { pid: process.pid, hostname: app.name };
      await results.store(message, { status: "STARTED", result });
    }
    events.task("task-started", { uuid: message.id });
    this.#totals[message.task] = (this.#totals[message.task] ?? 0) + 1;
    this.#running.set(message, { ...delivery, sinceMs: Date.now() });
    const job = new CeleryJob({ message, taken, isIgnored, results });
    try {
      const end = await processor.process(job, taken.token);
      // One that was ended by its time limit has its result.
      if (this.#running.has(message)) await this.#end(delivery, end);
    } finally {
      this.#running.delete(message);
    }
  }

  async #end(delivery: Delivery, end: JobEnd): Promise<void> {
    const { outcome, result, error, durationMs } = end;
    if (outcome === "succeeded") {
      return await this.#succeed(delivery, (result as ServedResult).value, durationMs);
    }
    if (outcome === "failed") return await this.#fail(delivery, toFailure(error));
    if (outcome === "retrying") return await this.#retry(delivery, error);
    if (outcome === "returned") {
      this.#options.events.task("task-rejected", { uuid: delivery.message.id, requeue: true });
    }
  }

  async #succeed(delivery: Delivery, result: unknown, durationMs: number): Promise<void> {
    const { results, events } = this.#options;
    const { message, taken } = delivery;
    const { id } = message;
    try {
      JSON.stringify(result);
    } catch (error) {
      const exception = celeryException(celeryExceptions.encodeError, String(error));
      return await this.#fail(delivery, { state: "FAILURE", exception });
    }
    const next = await this.#followUps.afterSuccess(message, result);
    if (!this.#isIgnored(message)) {
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

  async #fail(delivery: Delivery, failure: CeleryFailure): Promise<void> {
    const { app, results, events } = this.#options;
    const { message, taken } = delivery;
    const { state, exception, traceback } = failure;
    const { id } = message;
    const isStored = !this.#isIgnored(message) || app.storeErrorsEvenIfIgnored;
    if (isStored) await results.store(message, { status: state, result: exception, traceback });
    const next = await this.#followUps.afterFailure(message, { state, exception, isStored });
    const isOurs = await taken.settle({ taskId: id, sent: next.sent });
    if (!isOurs) return;
    for (const group of next.endedChords) await results.chords?.end(group);
    if (state === "FAILURE") {
      events.task("task-failed", { uuid: id, exception: reprException(exception), traceback });
    }
  }

  async #revoke(delivery: Delivery, reason: "expired" | "revoked"): Promise<void> {
    const { events, logger } = this.#options;
    const { id: uuid, task } = delivery.message;
    logger.info({ jobId: uuid, task, reason }, "a task is not begun");
    const exception = celeryException(celeryExceptions.revoked, reason);
    await this.#fail(delivery, { state: "REVOKED", exception });
    const expired = reason === "expired";
    events.task("task-revoked", { uuid, terminated: false, signum: null, expired });
  }

  /** As `self.retry` does: another message with the same id, then the acknowledgement of this. */
  async #retry({ message, taken }: Delivery, error: unknown): Promise<void> {
    const { app, results, events } = this.#options;
    const { retries, id } = message;
    const pauseMs = app.backoffMs * 2 ** Math.min(retries, 30) * (1 - Math.random() / 2);
    const etaMs = Date.now() + pauseMs;
    const exception = toPythonException(error);
    const traceback = stackOf(error);
    if (!this.#isIgnored(message)) {
      await results.store(message, { status: "RETRY", result: exception, traceback });
    }
    const sent: SentMessage[] = [toRetryMessage(message, { queue: taken.queue, etaMs })];
    if (!(await taken.settle({ taskId: id, sent }))) return;
    events.task("task-retried", { uuid: id, exception: reprException(exception), traceback });
  }

  #isIgnored({ ignoreResult }: CeleryMessage): boolean {
    return ignoreResult || this.#options.app.ignoreResult;
  }
}

function toFailure(error: unknown): CeleryFailure {
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
