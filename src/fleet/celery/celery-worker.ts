import { settlesWithin } from "../../base/abort.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { JobProcessor } from "../jobs/job-processor.ts";
import { FirstContact } from "../queue/first-contact.ts";
import { QueuePatience } from "../queue/queue-patience.ts";
import { BaseWorker, type BaseWorkerParts } from "../worker/base-worker.ts";
import { WorkTally } from "../worker/work-tally.ts";
import { WorkerLife } from "../worker/worker-life.ts";
import type { CeleryBroker } from "./app/celery-broker.ts";
import type { CheckedCeleryOptions } from "./app/celery-options.ts";
import { CeleryDeliveries } from "./celery-deliveries.ts";
import { CeleryCrashMarks } from "./celery-job.ts";
import { CelerySource } from "./celery-source.ts";
import { CeleryControl } from "./control/celery-control.ts";
import { CeleryEvents } from "./control/celery-events.ts";
import { RevokedTasks } from "./control/revoked-tasks.ts";
import { NodeActions } from "./node-actions.ts";
import { openBroker, openResults } from "./open-servers.ts";
import {
  type BoundCall,
  resultLogFields,
  type ServedResult,
  type ServedTask,
  ServedTasks,
} from "./served-tasks.ts";

/** The checked options of a worker, and what `createCeleryWorker` has made of them. */
export interface CeleryWorkerParts {
  readonly app: CheckedCeleryOptions;
  readonly tasks: ReadonlyMap<string, ServedTask>;
  readonly cache: ModelCache;
  /** A cache that goes with the worker. */
  readonly ownedCache: AsyncDisposable | undefined;
  readonly prepare: (signal: AbortSignal) => Promise<void>;
}

/** How long an unreachable broker may delay a closing worker. */
const closeMs = 1_000;

/**
 * Takes messages from the queues of a Celery app and runs the tasks that they name. Made by
 * `createCeleryWorker`.
 */
export class CeleryWorker extends BaseWorker {
  /** Asks the broker for an answer. Rejects while the connection is not open. */
  readonly ping: () => Promise<void>;

  constructor(parts: CeleryWorkerParts) {
    const made = assemble(parts);
    super(made);
    const { broker, patience } = made;
    this.ping = () => patience.expect(() => broker.ping());
  }
}

/** Makes what a worker consists of, and begins to prepare it. */
function assemble({
  app,
  tasks,
  cache,
  ownedCache,
  prepare,
}: CeleryWorkerParts): BaseWorkerParts & {
  readonly broker: CeleryBroker;
  readonly patience: QueuePatience;
} {
  const { name, queues, autostart } = app;
  const queue = queues.join(", ");
  const logger = app.logger.child({ worker: name, queue });
  const patience = new QueuePatience({ queue, logger });
  const contact = new FirstContact({ queue, patience });
  const servers = { app, patience, contact, logger };
  const broker = openBroker({ ...servers, onCommand: (command) => control.receive(command) });
  const results = openResults({ ...servers, broker });
  const revoked = new RevokedTasks();
  const served = new ServedTasks({
    tasks,
    softTimeLimitMs: app.softTimeLimitMs,
    timeLimitMs: app.timeLimitMs,
    onSoftTimeLimit: ({ id }, reason) => processor.cancel(id, reason),
    onTimeLimit: (message, limitMs) => void actions.endProcess(message, limitMs),
  });
  const processor: JobProcessor<BoundCall, ServedResult> = new JobProcessor({
    ...app,
    task: served,
    parse: served.parse,
    maxCrashes: app.rejectOnWorkerLost ? app.maxCrashes : 1,
    // Celery has no place for them.
    jobLogs: false,
    locks: broker.locks,
    crashMarks: new CeleryCrashMarks(broker.marks),
    logger,
    onJobEnd: (end) => tally.countEnd(end),
    onTimings: (timingsMs) => tally.observeTimings(timingsMs),
  });
  const tally = new WorkTally({
    name,
    cache,
    active: () => processor.active,
    resultLogFields,
    onJobEnd: app.onJobEnd,
    logger,
  });
  const events = new CeleryEvents({
    hostname: name,
    hasTaskEvents: app.sendTaskEvents,
    publish: (message) => broker.publishEvent(message),
    counts: () => {
      const { active, ended } = tally.progress;
      return { active, processed: ended };
    },
  });
  const deliveries = new CeleryDeliveries({
    app,
    tasks: served,
    processor,
    results,
    events,
    revoked,
    logger,
  });
  const actions: NodeActions = new NodeActions({
    app,
    results,
    processor,
    deliveries,
    close: (options) => life.close(options),
    logger,
  });
  const control = new CeleryControl({
    node: {
      hostname: name,
      queues,
      tasks: served.names,
      concurrency: app.concurrency,
      broker: app.broker,
      active: () => deliveries.running,
      totals: () => deliveries.totals,
      revoked,
      revoke: actions.revoke,
      shutDown: actions.shutDown,
    },
    events,
    reply: (message) => broker.reply(message),
    logger,
  });
  const source = new CelerySource({ broker, deliveries, concurrency: app.concurrency, logger });
  const life: WorkerLife = new WorkerLife({
    source,
    jobs: processor,
    autostart,
    logger,
    prepare: async (signal) => {
      const open = async () => {
        await Promise.all([broker.open(signal), results.open(signal)]);
        contact.reached();
        await events.online();
      };
      await Promise.all([prepare(signal), open()]);
      signal.throwIfAborted();
    },
    leave: () => source.leave(),
    release: async () => {
      if (contact.isReached) await settlesWithin(events.offline(), closeMs);
      events[Symbol.dispose]();
      tally[Symbol.dispose]();
      await results[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
      await ownedCache?.[Symbol.asyncDispose]();
      if (contact.isReached) {
        logger.info({ ...tally.counts }, "the worker of a Celery app is closed");
      }
    },
  });
  return { name, life, tally, patience, broker };
}
