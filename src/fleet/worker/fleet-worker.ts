import { type Job, MetricsTime, Worker, type WorkerOptions } from "bullmq";
import type { Registry } from "prom-client";
import { settlesWithin } from "../../base/abort.ts";
import type { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import type { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import { KeptCrashMarks } from "../jobs/crash-marks.ts";
import { endForBullmq } from "../jobs/job-failure.ts";
import { JobProcessor } from "../jobs/job-processor.ts";
import { KeptPartialWork } from "../jobs/partial-work.ts";
import { openQueueLocks } from "../locks/queue-locks.ts";
import { patientBackend } from "../queue/patient-backend.ts";
import { toQueueTrouble, withQueueErrors } from "../queue/queue-errors.ts";
import { QueuePatience } from "../queue/queue-patience.ts";
import { probeQueue } from "../queue/queue-probe.ts";
import { type QueueServer, serverOf } from "../queue/queue-server.ts";
import { toPortableConnection } from "../queue/redis-connection.ts";
import { storeOf } from "../store/store-of.ts";
import { PublishedStatus } from "../store/worker-status.ts";
import { type FleetWorkerCounts, WorkTally } from "./work-tally.ts";
import { WorkerHeartbeat } from "./worker-heartbeat.ts";
import { type CloseWorkerOptions, WorkerLife } from "./worker-life.ts";
import type { CheckedWorkerOptions } from "./worker-options.ts";

/** The checked options of a worker, and what `createWorker` has made of them. */
export interface FleetWorkerParts<Payload, Result>
  extends Omit<CheckedWorkerOptions<Payload>, "cache" | "workerId"> {
  readonly name: string;
  readonly task: ModelTask<Payload, Result>;
  readonly cache: ModelCache;
  /** A cache that goes with the worker. */
  readonly ownedCache: AsyncDisposable | undefined;
  /** What logs and errors call the queue. Default: its name. */
  readonly label?: string | undefined;
  /** Counts for several workers together; their maker disposes it. Default: one of its own. */
  readonly metrics?: WorkerMetrics | undefined;
  readonly prepare: (signal: AbortSignal) => Promise<void>;
}

/**
 * How often BullMQ may find that a job's worker is gone before it fails the job by itself: never.
 * `maxCrashes` decides, in the worker, and there the task's hooks are called.
 */
const neverFailStalled = 1e9;

/** Ends BullMQ's wait for a next job, and is no trouble of the queue. */
const leavingReason = new Error("the worker closes");

/** A server that has not answered for this long is asked why not. */
const silenceMs = 2_000;

/**
 * Takes jobs from a BullMQ queue and runs a task for each. Made by `createWorker`. `WorkerLife`
 * describes the states that it goes through.
 */
export class FleetWorker<Payload = unknown, Result = unknown> implements AsyncDisposable {
  readonly name: string;
  readonly queue: string;
  /** BullMQ's own worker, for its events. */
  readonly bullmq: Worker;
  readonly #logger: Logger;
  readonly #patience: QueuePatience;
  readonly #refused = Promise.withResolvers<never>();
  readonly #processor: JobProcessor<Payload, Result>;
  readonly #life: WorkerLife;
  readonly #tally: WorkTally;
  #isReached = false;

  constructor(parts: FleetWorkerParts<Payload, Result>) {
    const { name, label = parts.queue, cache, ownedCache, autostart } = parts;
    this.name = name;
    this.queue = label;
    const queue = label;
    const logger = parts.logger.child({ worker: name, queue });
    this.#logger = logger;
    this.#patience = new QueuePatience({ queue, logger });
    const leaving = new AbortController();
    const server = serverOf({ ...parts, isMade: true });
    this.bullmq = createBullmqWorker(
      {
        ...server,
        backend: patientBackend(server.backend, {
          patience: this.#patience,
          signal: leaving.signal,
        }),
      },
      parts,
      async (job, token) => endForBullmq(await this.#processor.process(job, token!)),
    );
    const store = storeOf(this.bullmq);
    this.#refused.promise.catch(() => {});
    // Without a listener, an error event would end the process.
    this.bullmq.on("error", (error) => this.#receiveError(error));
    this.bullmq.on("stalled", (jobId) =>
      logger.warn({ jobId }, "a job whose worker is gone waits again"),
    );
    const locks = openQueueLocks(this.bullmq, { ...parts, logger });
    this.#processor = new JobProcessor({
      ...parts,
      logger,
      locks,
      crashMarks: new KeptCrashMarks(store.attempts, this.#patience),
      partialWork: (jobId) => new KeptPartialWork(store.attempts, jobId, logger),
      onJobEnd: (end) => this.#tally.countEnd(end),
      onTimings: (timingsMs) => this.#tally.observeTimings(timingsMs),
    });
    this.#tally = new WorkTally({
      name,
      cache,
      active: () => this.#processor.active,
      resultLogFields: (result) => parts.task.resultLogFields(result),
      metrics: parts.metrics,
      onJobEnd: parts.onJobEnd,
      logger,
    });
    let heartbeat: WorkerHeartbeat | undefined;
    this.#life = new WorkerLife({
      source: this.bullmq,
      jobs: this.#processor,
      autostart,
      logger,
      prepare: async (signal) => {
        await Promise.all([parts.prepare(signal), this.#reach(server, signal), locks.ready]);
        signal.throwIfAborted();
        const started = new WorkerHeartbeat({
          name,
          cache,
          status: new PublishedStatus(this.bullmq, name),
          counts: () => this.#tally.progress,
        });
        heartbeat = started;
        await this.#patience.repeat(() => started.beat(), { signal });
      },
      leave: () => {
        heartbeat?.[Symbol.dispose]();
        leaving.abort(leavingReason);
      },
      release: async () => {
        this.#tally[Symbol.dispose]();
        await locks[Symbol.asyncDispose]();
        await ownedCache?.[Symbol.asyncDispose]();
        // One that never became ready has done nothing.
        if (heartbeat !== undefined) logger.info({ ...this.counts }, "the worker is closed");
      },
    });
  }

  /** Resolves when the models are loaded and the server is reached; rejects when that fails. */
  get ready(): Promise<void> {
    return this.#life.ready;
  }

  /** Takes jobs from now on, as soon as the worker is ready. Called by itself with `autostart`. */
  async start(): Promise<void> {
    await this.#life.start();
  }

  /** Why the server does not serve the queue at the moment; undefined where it does. */
  get trouble(): OrangeryError | undefined {
    return this.#patience.trouble;
  }

  get counts(): FleetWorkerCounts {
    return this.#tally.counts;
  }

  /**
   * The worker's metrics: `await worker.metrics.metrics()` is their text as Prometheus reads it.
   */
  get metrics(): Registry {
    return this.#tally.registry;
  }

  /**
   * Takes no more jobs, finishes those that run, and closes. Called again, it may set a nearer
   * deadline.
   */
  async close(options: CloseWorkerOptions = {}): Promise<void> {
    await this.#life.close(options);
  }

  /** Takes no more jobs, cancels those that run, gives them back to the queue, and closes. */
  async abort(): Promise<void> {
    await this.close({ deadlineMs: 0 });
  }

  /** Closes the worker: takes no more jobs and finishes those in progress. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Waits until the server serves this queue, however long that takes. */
  async #reach(server: QueueServer, signal: AbortSignal): Promise<void> {
    const { bullmq } = this;
    const ready = Promise.race([bullmq.waitUntilReady(), this.#refused.promise]);
    while (!(await settlesWithin(ready, silenceMs)) && !signal.aborted) {
      const reason = this.trouble ?? (await server.whyNotReady());
      if (reason !== undefined) this.#patience.report(reason);
    }
    await withQueueErrors(bullmq, () => ready);
    await this.#patience.repeat(() => probeQueue(bullmq), { signal });
    this.#isReached = true;
    await storeOf(bullmq).warnOfLosses(this.#logger);
  }

  /**
   * Before the server is reached, a refusal that does not pass is the reason why the worker is not
   * ready.
   */
  #receiveError(error: Error): void {
    if (error === leavingReason) return;
    const trouble = toQueueTrouble(error, this.queue);
    if (this.#isReached || trouble.retryable) this.#patience.report(trouble);
    else this.#refused.reject(trouble);
  }
}

type BullmqWorkerOptions = Omit<CheckedWorkerOptions<never>, "parse" | "cache"> & {
  readonly name: string;
};

function createBullmqWorker(
  { queue, options: queueOptions, backend, drainDelay }: QueueServer,
  options: BullmqWorkerOptions,
  process: (job: Job, token?: string) => Promise<unknown>,
): Worker {
  const { connection, name, concurrency, telemetry } = options;
  const workerOptions: WorkerOptions = {
    ...queueOptions,
    skipVersionCheck: false,
    drainDelay,
    ...(telemetry !== undefined && { telemetry }),
    name,
    concurrency,
    autorun: false,
    lockDuration: options.lockDurationMs,
    stalledInterval: options.stalledIntervalMs,
    maxStalledCount: neverFailStalled,
    // Counts what was done, for `orangery status`: the jobs themselves may be gone.
    metrics: { maxDataPoints: MetricsTime.ONE_HOUR },
    skipLockRenewal: toPortableConnection(connection) !== undefined,
    runRetryDelay: 1000,
  };
  return new Worker(queue, process, workerOptions, backend);
}
