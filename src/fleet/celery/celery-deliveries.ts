/**
 * Reading of `fleet/celery/` begins here, with what happens to one message. Then, in this order:
 *
 * 1. `protocol/celery-message.ts`: what a message says, and why it is refused.
 * 2. `app/celery-broker.ts` and `app/celery-results.ts`: what a broker and a result backend do.
 * 3. `served-tasks.ts` and `celery-job.ts`: how `JobProcessor` runs the task that a message names.
 * 4. `task-ends.ts` and `follow-ups.ts`: its result, what Celery sends next, its acknowledgement.
 * 5. `celery-source.ts` and `celery-worker.ts`: where messages come from, a worker's parts.
 * 6. `redis/redis-broker.ts` and `amqp/amqp-broker.ts`, then `results/`: the servers themselves.
 * 7. `control/` and `node-actions.ts`: what Celery's tools ask and see.
 */

import type { Logger } from "../../logger.ts";
import type { JobEnd } from "../jobs/job-end.ts";
import type { JobProcessor } from "../jobs/job-processor.ts";
import type { TakenMessage } from "./app/celery-broker.ts";
import type { CheckedCeleryOptions } from "./app/celery-options.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import { CeleryJob } from "./celery-job.ts";
import type { CeleryEvents } from "./control/celery-events.ts";
import type { RevokedTasks } from "./control/revoked-tasks.ts";
import { type CeleryMessage, readCeleryMessage } from "./protocol/celery-message.ts";
import {
  builtinException,
  celeryException,
  celeryExceptions,
  pythonRepr,
  pythonTuple,
  toPythonException,
} from "./protocol/python-exception.ts";
import type { BoundCall, ServedResult, ServedTasks } from "./served-tasks.ts";
import { type Delivery, TaskEnds, toCeleryFailure } from "./task-ends.ts";

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

/** Handles the messages that a worker takes, from parsing to their end. */
export class CeleryDeliveries {
  readonly #options: CeleryDeliveriesOptions;
  readonly #ends: TaskEnds;
  readonly #running = new Map<CeleryMessage, Delivery & { readonly sinceMs: number }>();
  readonly #totals: Record<string, number> = {};

  constructor(options: CeleryDeliveriesOptions) {
    this.#options = options;
    this.#ends = new TaskEnds(options);
  }

  get running(): readonly RunningMessage[] {
    return [...this.#running.values()];
  }

  /** How many messages of each task have ended, or were begun. */
  get totals(): Readonly<Record<string, number>> {
    return this.#totals;
  }

  /** Handles a message: runs its task, delays it or refuses it. */
  async handle(taken: TakenMessage): Promise<void> {
    const read = readCeleryMessage(taken.content);
    try {
      await this.#receive(taken, read);
    } catch (err) {
      this.#options.logger.error({ err }, "a message could not be handled");
      // Otherwise it would come back for ever. If the broker is gone this fails, too, and the
      // message does come back.
      const { id, replyTo } = "message" in read ? read.message : read.refused;
      await this.#ends.refuse(taken, { id, replyTo, exception: toPythonException(err) });
    }
  }

  async #receive(taken: TakenMessage, read: ReturnType<typeof readCeleryMessage>): Promise<void> {
    if ("refused" in read) {
      const { id, task, reason } = read.refused;
      const { logger } = this.#options;
      logger.warn({ jobId: id, task, queue: taken.queue, reason }, "a message is refused");
      await this.#ends.refuse(taken, read.refused);
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

  /** Ends a task that has passed its hard time limit; its process ends next. */
  async timeOut(message: CeleryMessage, limitMs: number): Promise<void> {
    const delivery = this.#running.get(message);
    if (delivery === undefined) return;
    this.#running.delete(message);
    const exception = celeryException(celeryExceptions.timeLimit, limitMs / 1000);
    await this.#ends.fail(delivery, { state: "FAILURE", exception });
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
      return await this.#ends.fail(delivery, { state: "FAILURE", exception });
    }
    const unsupported = this.#ends.findUnsupported(message);
    if (unsupported !== undefined) {
      const exception = builtinException("NotImplementedError", unsupported);
      return await this.#ends.fail(delivery, { state: "FAILURE", exception });
    }
    if (message.isRedelivered) {
      // Its worker may have died after storing the result and before acknowledging.
      const known = await results.readSuccess(message.id);
      if (known !== undefined) return await this.#ends.succeed(delivery, known.result, 0);
    }
    await this.#run(delivery);
  }

  async #run(delivery: Delivery): Promise<void> {
    const { app, results, events, processor } = this.#options;
    const { message, taken } = delivery;
    if (!app.acksLate) await taken.acknowledge();
    const isIgnored = this.#ends.isIgnored(message);
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
      // A task that its time limit has ended already has its result.
      if (this.#running.has(message)) await this.#end(delivery, end);
    } finally {
      this.#running.delete(message);
    }
  }

  async #end(delivery: Delivery, end: JobEnd): Promise<void> {
    const { outcome, result, error, durationMs } = end;
    if (outcome === "succeeded") {
      return await this.#ends.succeed(delivery, (result as ServedResult).value, durationMs);
    }
    if (outcome === "failed") return await this.#ends.fail(delivery, toCeleryFailure(error));
    if (outcome === "retrying") return await this.#ends.retry(delivery, error);
    if (outcome === "returned") {
      this.#options.events.task("task-rejected", { uuid: delivery.message.id, requeue: true });
    }
  }

  async #revoke(delivery: Delivery, reason: "expired" | "revoked"): Promise<void> {
    const { events, logger } = this.#options;
    const { id: uuid, task } = delivery.message;
    logger.info({ jobId: uuid, task, reason }, "a task is not begun");
    const exception = celeryException(celeryExceptions.revoked, reason);
    await this.#ends.fail(delivery, { state: "REVOKED", exception });
    const expired = reason === "expired";
    events.task("task-revoked", { uuid, terminated: false, signum: null, expired });
  }
}
