import type { Registry } from "prom-client";
import { settlesWithin, untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import type { HeldLock, JobLocks } from "../jobs/job-locks.ts";
import { JobProcessor } from "../jobs/job-processor.ts";
import { LockKeeper } from "../locks/lock-keeper.ts";
import { toQueueTrouble } from "../queue/queue-errors.ts";
import { QueuePatience } from "../queue/queue-patience.ts";
import { type FleetWorkerCounts, WorkTally } from "../worker/work-tally.ts";
import { type CloseWorkerOptions, WorkerLife } from "../worker/worker-life.ts";
import { CeleryConnections } from "./celery-connections.ts";
import { CeleryDeliveries } from "./celery-deliveries.ts";
import { CeleryCrashMarks } from "./celery-job.ts";
import type { CheckedCeleryOptions } from "./celery-options.ts";
import { CeleryControl } from "./control/celery-control.ts";
import { CeleryEvents } from "./control/celery-events.ts";
import { RevokedTasks } from "./control/revoked-tasks.ts";
import type { CeleryMessage } from "./protocol/celery-message.ts";
import { celeryException, celeryExceptions } from "./protocol/python-exception.ts";
import { renewScript } from "./redis/broker-scripts.ts";
import { CeleryBroker } from "./redis/celery-broker.ts";
import { CeleryChords } from "./redis/celery-chords.ts";
import { celeryKeys, databaseOf } from "./redis/celery-keys.ts";
import { CeleryResults } from "./redis/celery-results.ts";
import { QueueSignals } from "./redis/queue-signals.ts";
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

/** How long a Redis that is away may hold up a worker that closes. */
const closeMs = 1_000;

/**
 * Takes messages from the queues of a Celery app and runs the tasks that they name. Made by
 * `createCeleryWorker`. `WorkerLife` describes the states that it goes through.
 */
export class CeleryWorker implements AsyncDisposable {
  readonly name: string;
  readonly #app: CheckedCeleryOptions;
  readonly #logger: Logger;
  readonly #patience: QueuePatience;
  readonly #connections: CeleryConnections;
  readonly #broker: CeleryBroker;
  readonly #signals: QueueSignals;
  readonly #processor: JobProcessor<BoundCall, ServedResult>;
  readonly #deliveries: CeleryDeliveries;
  readonly #events: CeleryEvents;
  readonly #revoked = new RevokedTasks();
  readonly #results: CeleryResults;
  readonly #life: WorkerLife;
  readonly #tally: WorkTally;
  readonly #leaving = new AbortController();
  readonly #refused = Promise.withResolvers<never>();
  /** Messages that are worked on, with all that belongs to their ends. */
  readonly #inFlight = new Set<Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #sweepTimer: NodeJS.Timeout | undefined;
  #sweepAt = Number.POSITIVE_INFINITY;
  #isReached = false;

  constructor({ app, tasks, cache, ownedCache, prepare }: CeleryWorkerParts) {
    const { name, broker: url, queues } = app;
    this.name = name;
    this.#app = app;
    const queue = queues.join(", ");
    const logger = app.logger.child({ worker: name, queue });
    this.#logger = logger;
    const patience = new QueuePatience({ queue, logger });
    this.#patience = patience;
    this.#refused.promise.catch(() => {});
    this.#connections = new CeleryConnections({
      ...app,
      onError: (error) => this.#receiveError(error),
    });
    const { broker: redis, results: resultsRedis, subscriber } = this.#connections;
    const keys = celeryKeys(app.globalKeyPrefix, databaseOf(url));
    const { lockDurationMs: leaseMs } = app;
    const broker = new CeleryBroker({ ...app, redis, keys, leaseMs, patience });
    this.#broker = broker;
    const kept = { redis: resultsRedis, prefix: app.resultKeyPrefix, patience };
    const expiresMs = app.resultExpiresMs;
    const isExtended = app.resultExtended;
    const results = new CeleryResults({ ...kept, expiresMs, isExtended, worker: name });
    this.#results = results;
    const chords = new CeleryChords({ ...kept, expiresMs });
    const served = new ServedTasks({
      tasks,
      softTimeLimitMs: app.softTimeLimitMs,
      timeLimitMs: app.timeLimitMs,
      onSoftTimeLimit: ({ id }, reason) => this.#processor.cancel(id, reason),
      onTimeLimit: (message, limitMs) => void this.#endProcess(message, limitMs),
    });
    const locks = new Leases({ app, keys, logger });
    this.#processor = new JobProcessor({
      ...app,
      task: served,
      parse: served.parse,
      maxCrashes: app.rejectOnWorkerLost ? app.maxCrashes : 1,
      // There is no place for them in Celery.
      jobLogs: false,
      locks,
      crashMarks: new CeleryCrashMarks(broker),
      logger,
      onJobEnd: (end) => this.#tally.countEnd(end),
      onTimings: (timingsMs) => this.#tally.observeTimings(timingsMs),
    });
    this.#tally = new WorkTally({
      name,
      cache,
      active: () => this.#processor.active,
      resultLogFields,
      onJobEnd: app.onJobEnd,
      logger,
    });
    this.#events = new CeleryEvents({
      hostname: name,
      hasTaskEvents: app.sendTaskEvents,
      publish: (routingKey, text) => redis.publish(`${keys.topic("celeryev")}/${routingKey}`, text),
      counts: () => {
        const { active, ended } = this.#tally.progress;
        return { active, processed: ended };
      },
    });
    this.#deliveries = new CeleryDeliveries({
      app,
      tasks: served,
      processor: this.#processor,
      broker,
      results,
      chords,
      events: this.#events,
      revoked: this.#revoked,
      onDelayed: (etaMs) => this.#sweepIn(etaMs - Date.now()),
      logger,
    });
    const control = new CeleryControl({
      node: {
        hostname: name,
        queues,
        tasks: served.names,
        concurrency: app.concurrency,
        broker: url,
        active: () => this.#deliveries.running,
        totals: () => this.#deliveries.totals,
        revoked: this.#revoked,
        revoke: (ids, options) => this.#revoke(ids, options),
        shutDown: () => this.#shutDown(),
      },
      events: this.#events,
      redis,
      keys,
      logger,
    });
    this.#signals = new QueueSignals({
      redis,
      subscriber,
      channels: [keys.topic("celery.pidbox")],
      onPublished: control.receive,
      logger,
    });
    this.#life = new WorkerLife({
      source: {
        run: () => {
          this.#running = this.#take();
          return this.#running;
        },
        close: () => this.#finish(),
        disconnect: async () => this.#connections[Symbol.dispose](),
      },
      jobs: this.#processor,
      autostart: app.autostart,
      logger,
      prepare: async (signal) => {
        await Promise.all([prepare(signal), this.#reach(signal), locks.ready]);
        signal.throwIfAborted();
      },
      leave: () => {
        this.#leaving.abort();
        this.#signals.wake();
      },
      release: async () => {
        const wasReached = this.#isReached;
        this.#isReached = false;
        clearTimeout(this.#sweepTimer);
        if (wasReached) await settlesWithin(this.#events.offline(), closeMs);
        this.#events[Symbol.dispose]();
        this.#tally[Symbol.dispose]();
        await locks[Symbol.asyncDispose]();
        this.#connections[Symbol.dispose]();
        await ownedCache?.[Symbol.asyncDispose]();
        if (wasReached) logger.info({ ...this.counts }, "the worker of a Celery app is closed");
      },
    });
  }

  /** Resolves when the models are loaded and Redis is reached; rejects when that fails. */
  get ready(): Promise<void> {
    return this.#life.ready;
  }

  /** Takes messages from now on, as soon as the worker is ready. */
  async start(): Promise<void> {
    await this.#life.start();
  }

  /** Why Redis does not serve the queues at the moment; undefined where it does. */
  get trouble(): OrangeryError | undefined {
    return this.#patience.trouble;
  }

  get counts(): FleetWorkerCounts {
    return this.#tally.counts;
  }

  /** The worker's metrics, as Prometheus reads them. */
  get metrics(): Registry {
    return this.#tally.registry;
  }

  /** Asks the broker for an answer. Rejects while the connection is not open. */
  async ping(): Promise<void> {
    const { broker } = this.#connections;
    if (broker.status !== "ready") throw new Error(`the connection is ${broker.status}`);
    await broker.ping();
  }

  /**
   * Takes no more messages, finishes those that run, and closes. Called again, it may set a nearer
   * deadline.
   */
  async close(options: CloseWorkerOptions = {}): Promise<void> {
    await this.#life.close(options);
  }

  /** Takes no more messages, cancels those that run, gives them back, and closes. */
  async abort(): Promise<void> {
    await this.close({ deadlineMs: 0 });
  }

  /** Closes the worker: takes no more messages and finishes those in progress. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Waits until Redis serves the queues, however long that takes. */
  async #reach(signal: AbortSignal): Promise<void> {
    const opened = Promise.race([this.#connections.open(), this.#refused.promise]);
    await untilAborted(opened, signal);
    // A first run of what is done all the time: missing rights are found here.
    await this.#patience.repeat(() => this.#broker.sweep(this.#reportLost), { signal });
    await this.#signals.open();
    this.#isReached = true;
    await this.#events.online();
  }

  async #take(): Promise<void> {
    const { signal } = this.#leaving;
    const { concurrency, stalledIntervalMs } = this.#app;
    this.#sweepIn(0);
    while (!signal.aborted) {
      if (this.#inFlight.size >= concurrency) {
        await Promise.race(this.#inFlight);
        continue;
      }
      try {
        const taken = await untilLeft(this.#broker.take(signal), signal);
        if (taken === undefined) {
          const timeoutMs = stalledIntervalMs;
          await this.#signals.wait(this.#broker.lists, { timeoutMs, signal });
          continue;
        }
        const work = this.#deliveries
          .handle(taken)
          .catch((err: unknown) => this.#logger.debug({ err }, "a message was left in the queue"))
          .finally(() => this.#inFlight.delete(work));
        this.#inFlight.add(work);
      } catch (err) {
        if (!signal.aborted) throw err;
      }
    }
  }

  async #finish(): Promise<void> {
    await this.#running.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  #sweepIn(ms: number): void {
    const at = performance.now() + Math.max(0, ms);
    if (at >= this.#sweepAt || this.#leaving.signal.aborted) return;
    this.#sweepAt = at;
    clearTimeout(this.#sweepTimer);
    const waitMs = Math.min(Math.max(0, ms), this.#app.stalledIntervalMs);
    this.#sweepTimer = setTimeout(() => void this.#sweep(), waitMs);
  }

  /** Puts back what is due; again when the next is, and now and then in any case. */
  async #sweep(): Promise<void> {
    let nextMs: number | undefined;
    try {
      nextMs = await this.#broker.sweep(this.#reportLost);
    } catch (err) {
      this.#logger.debug({ err }, "delayed messages could not be put back");
    }
    this.#sweepAt = Number.POSITIVE_INFINITY;
    const { stalledIntervalMs } = this.#app;
    this.#sweepIn(Math.min(nextMs ?? stalledIntervalMs, stalledIntervalMs));
  }

  readonly #reportLost = (tag: string): void => {
    this.#logger.warn({ tag }, "a message whose worker is gone waits again");
  };

  /** Stores that tasks are revoked, as each of Celery's workers does, and aborts those that run. */
  async #revoke(
    ids: readonly string[],
    { isTerminated }: { readonly isTerminated: boolean },
  ): Promise<readonly string[]> {
    const exception = celeryException(celeryExceptions.revoked, "revoked");
    for (const id of ids) await this.#results.storeRevoked(id, exception);
    if (!isTerminated) return [];
    return ids.filter((id) => this.#processor.cancel(id, revoked(id)));
  }

  #shutDown(): void {
    const { onShutdown } = this.#app;
    this.#logger.info({}, "a control command shuts the worker down");
    if (onShutdown !== undefined) onShutdown();
    else void this.close();
  }

  /** A task that does not end within its hard limit cannot be stopped but with its process. */
  async #endProcess(message: CeleryMessage, limitMs: number): Promise<void> {
    const { id, task } = message;
    this.#logger.error({ jobId: id, task, limitMs }, "a task passed its hard limit");
    try {
      await this.#deliveries.timeOut(message, limitMs);
      // The other tasks go back to the queue.
      await this.close({ deadlineMs: 0 });
    } finally {
      (this.#app.endProcess ?? (() => process.kill(process.pid, "SIGKILL")))();
    }
  }

  /** Before Redis is reached, a refusal that does not pass is why the worker is not ready. */
  #receiveError(error: Error): void {
    const trouble = toQueueTrouble(error, this.#app.queues.join(", "));
    if (this.#isReached || trouble.retryable) this.#patience.report(trouble);
    else this.#refused.reject(trouble);
  }
}

/**
 * Waits for a message, or a little longer than until the worker closes: one that is taken then
 * waits again when its lease is over.
 */
async function untilLeft<T>(taking: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const left = Promise.withResolvers<undefined>();
  const leave = () => setTimeout(() => left.resolve(undefined), closeMs).unref();
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([taking, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** The leases of messages, renewed from a thread of its own. */
class Leases implements JobLocks {
  readonly ready: Promise<void>;
  readonly #keeper: LockKeeper;

  constructor({
    app,
    keys,
    logger,
  }: {
    readonly app: CheckedCeleryOptions;
    readonly keys: { readonly unackedIndex: string; readonly leases: string };
    readonly logger: Logger;
  }) {
    const { broker, lockDurationMs, maxBlockedMs } = app;
    this.#keeper = new LockKeeper({
      connection: { url: broker },
      renewal: { script: renewScript, keys: [keys.unackedIndex, keys.leases] },
      lockDurationMs,
      maxBlockedMs,
      logger,
    });
    this.ready = this.#keeper.ready;
  }

  /** One that was acknowledged before its task began has none. */
  hold({ token }: HeldLock, onLost: () => void): Disposable {
    if (token === "") return { [Symbol.dispose]: () => {} };
    return this.#keeper.hold({ jobId: token, token }, onLost);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }
}

function revoked(id: string): OrangeryError {
  return new OrangeryError(
    "TASK_REVOKED",
    `Expected task ${id} to run to its end, but a client of Celery has revoked it.`,
    { details: { id } },
  );
}
