import { hostname } from "node:os";
import { type Job, MetricsTime, Worker } from "bullmq";
import type { Registry } from "prom-client";
import { settlesWithin, untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import { CrashMarks } from "../jobs/crash-marks.ts";
import { type JobEnd, JobProcessor } from "../jobs/job-processor.ts";
import { LockKeeper } from "../jobs/lock-keeper.ts";
import { toConnectionOptions, toPortableConnection } from "../queue/redis-connection.ts";
import { warnOfEviction } from "../queue/redis-eviction.ts";
import { PublishedStatus } from "../queue/worker-status.ts";
import { WorkerHeartbeat } from "./worker-heartbeat.ts";
import type { CheckedWorkerOptions } from "./worker-options.ts";

/** What a worker has done since it was made. */
export interface FleetWorkerCounts {
  /** In hand. */
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retrying: number;
  readonly returned: number;
  readonly lost: number;
}

export interface CloseWorkerOptions {
  /**
   * After this time the tasks that still run are cancelled and their jobs go back to the queue, at
   * no cost of an attempt. Default: they are waited for, however long they take.
   */
  readonly deadlineMs?: number;
}

/** So long a cancelled task may take to stop before its job is given back over its head. */
const abortGraceMs = 5_000;

/**
 * How often BullMQ may find that a job's worker is gone before it fails the job by itself: never.
 * `maxCrashes` decides, in the worker, where the task's hooks hear of it.
 */
const neverFailStalled = 1e9;

/**
 * Takes jobs from a BullMQ queue and runs a task for each. Made by `createWorker`.
 *
 * States: *preparing*, while models load; *ready*, with models proved and Redis reached; *working*,
 * taking jobs; *closing*, finishing those in hand; *closed*. A worker whose preparation fails is
 * *broken*: it never takes a job, and {@link ready} rejects with the reason.
 */
export class FleetWorker<Payload = unknown, Result = unknown> implements AsyncDisposable {
  readonly name: string;
  readonly queue: string;
  /** Resolves when the models are loaded and Redis is reached; rejects when that fails. */
  readonly ready: Promise<void>;
  /** BullMQ's own worker, for its events. */
  readonly bullmq: Worker;
  readonly #options: CheckedWorkerOptions<Payload>;
  readonly #logger: Logger;
  readonly #processor: JobProcessor<Payload, Result>;
  readonly #metrics: WorkerMetrics;
  readonly #locks: LockKeeper | undefined;
  readonly #preparing = new AbortController();
  readonly #counts = { succeeded: 0, failed: 0, retrying: 0, returned: 0, lost: 0 };
  readonly #dispose: () => Promise<void>;
  #heartbeat: WorkerHeartbeat | undefined;
  #isStarted = false;
  #closing: Promise<void> | undefined;
  readonly #aborted = Promise.withResolvers<void>();
  #deadline: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  #isClosed = false;

  /** @param dispose releases what was made for this worker alone */
  constructor(
    task: ModelTask<Payload, Result>,
    options: CheckedWorkerOptions<Payload>,
    dispose: () => Promise<void>,
  ) {
    const { name = `worker@${hostname()}`, queue, logger } = options;
    this.name = name;
    this.queue = queue;
    this.#options = options;
    this.#dispose = dispose;
    this.#logger = logger.child({ worker: name, queue });
    this.#locks = this.#createLockKeeper();
    this.#metrics = new WorkerMetrics({
      worker: name,
      cache: openedCache(options),
      active: () => this.#processor.active,
    });
    this.#processor = this.#createProcessor(task);
    this.bullmq = this.#createBullWorker();
    this.ready = this.#prepare();
    this.ready.catch((err: unknown) => {
      if (this.#preparing.signal.aborted) return;
      this.#logger.error({ err }, "the worker is not ready and takes no jobs");
    });
  }

  /** Takes jobs from now on, as soon as the worker is ready. Called by itself with `autostart`. */
  async start(): Promise<void> {
    await this.ready;
    if (this.#isStarted || this.#closing !== undefined) return;
    this.#isStarted = true;
    this.#logger.info({ concurrency: this.#options.concurrency }, "the worker takes jobs");
    this.bullmq.run().catch((err: unknown) => {
      this.#logger.error({ err }, "the worker stopped taking jobs");
    });
  }

  get counts(): FleetWorkerCounts {
    return { active: this.#processor.active, ...this.#counts };
  }

  /** The worker's metrics: `await worker.metrics.metrics()` is Prometheus' text of them. */
  get metrics(): Registry {
    return this.#metrics.registry;
  }

  /**
   * Takes no more jobs, finishes those in hand, and closes. Called again, it may set a deadline that
   * is nearer.
   */
  async close({ deadlineMs }: CloseWorkerOptions = {}): Promise<void> {
    if (deadlineMs !== undefined) this.#setDeadline(deadlineMs);
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Takes no more jobs, cancels those in hand, gives them back to the queue, and closes. */
  async abort(): Promise<void> {
    await this.close({ deadlineMs: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #prepare(): Promise<void> {
    const { prepare, autostart } = this.#options;
    const { signal } = this.#preparing;
    const reached = this.bullmq
      .waitUntilReady()
      .then(() => warnOfEviction(this.bullmq, this.#logger));
    await untilAborted(Promise.all([prepare?.(signal), reached, this.#locks?.ready]), signal);
    this.#heartbeat = new WorkerHeartbeat({
      name: this.name,
      status: new PublishedStatus(this.bullmq, this.name),
      cache: openedCache(this.#options),
      counts: () => ({ active: this.#processor.active, ended: this.#endedJobs }),
    });
    if (autostart) queueMicrotask(() => void this.start());
  }

  async #close(): Promise<void> {
    this.#preparing.abort(
      new OrangeryError(
        "TASK_INTERRUPTED",
        "Expected the worker to become ready, but it was closed before. Create another.",
      ),
    );
    await this.ready.catch(() => {});
    this.#heartbeat?.[Symbol.dispose]();
    const finished = this.bullmq.close().then(() => true);
    const isFinished = await Promise.race([finished, this.#aborted.promise.then(() => false)]);
    if (!isFinished) await this.#abandon(finished);
    this.#isClosed = true;
    clearTimeout(this.#deadline?.timer);
    this.#metrics[Symbol.dispose]();
    await this.#locks?.[Symbol.asyncDispose]();
    await this.#dispose();
    this.#logger.info({ ...this.counts }, "the worker is closed");
  }

  get #endedJobs(): number {
    const { succeeded, failed } = this.#counts;
    return succeeded + failed;
  }

  #setDeadline(deadlineMs: number): void {
    const at = performance.now() + deadlineMs;
    if (this.#isClosed || (this.#deadline !== undefined && this.#deadline.at <= at)) return;
    clearTimeout(this.#deadline?.timer);
    this.#deadline = { at, timer: setTimeout(() => this.#giveBack(), deadlineMs) };
  }

  #giveBack(): void {
    const { active } = this.#processor;
    if (active > 0) this.#logger.warn({ active }, "jobs are given back to the queue");
    this.#processor.interrupt("the worker was told to stop");
    this.#aborted.resolve();
  }

  /** Waits a little for what was aborted. What does not stop, or a Redis that is away, is left. */
  async #abandon(finished: Promise<unknown>): Promise<void> {
    if (await settlesWithin(finished, abortGraceMs)) return;
    const { active } = this.#processor;
    this.#logger.error({ active }, "tasks do not stop, or Redis is away; the worker leaves them");
    await settlesWithin(this.#processor.returnUnsettled(), abortGraceMs);
    this.bullmq.disconnect().catch(() => {});
  }

  #createLockKeeper(): LockKeeper | undefined {
    const { connection, queue, prefix, lockDurationMs, maxBlockedMs } = this.#options;
    const portable = toPortableConnection(connection);
    if (portable === undefined) return undefined;
    return new LockKeeper({
      ...{ connection: portable, queue, prefix, lockDurationMs, maxBlockedMs },
      logger: this.#logger,
      onLost: ({ jobId, token }) =>
        this.#processor.lose((lock) => lock.jobId === jobId && lock.token === token),
    });
  }

  #createProcessor(task: ModelTask<Payload, Result>): JobProcessor<Payload, Result> {
    const { parse, attempts, backoffMs, maxCrashes, jobLogs, onJobEnd } = this.#options;
    const noLock = { [Symbol.dispose]: () => {} };
    return new JobProcessor({
      ...{ task, parse, maxCrashes, jobLogs, logger: this.#logger },
      retry: { attempts, backoff: { type: "exponential", delay: backoffMs, jitter: 0.5 } },
      holdLock: (lock) => this.#locks?.hold(lock) ?? noLock,
      crashMarks: new CrashMarks(() => this.bullmq),
      onJobEnd: (report) => {
        this.#counts[report.outcome]++;
        this.#metrics.countTask(report);
        this.#tell(onJobEnd, report);
      },
      onTimings: (timingsMs) => this.#metrics.observeTimings(timingsMs),
    });
  }

  /** A listener that throws is no reason to fail a job. */
  #tell(listener: ((report: JobEnd) => void) | undefined, report: JobEnd): void {
    try {
      listener?.(report);
    } catch (err) {
      this.#logger.error({ err }, "a listener of a job's end threw");
    }
  }

  #createBullWorker(): Worker {
    const { connection, queue, prefix, concurrency, lockDurationMs, stalledIntervalMs } =
      this.#options;
    const { telemetry } = this.#options;
    const worker = new Worker(
      queue,
      (job: Job, token?: string) => this.#processor.process(job, token!),
      {
        connection: toConnectionOptions(connection),
        ...(prefix !== undefined && { prefix }),
        ...(telemetry !== undefined && { telemetry }),
        name: this.name,
        concurrency,
        autorun: false,
        lockDuration: lockDurationMs,
        stalledInterval: stalledIntervalMs,
        maxStalledCount: neverFailStalled,
        // Counts what was done, for `orangery status`: the jobs themselves may be gone.
        metrics: { maxDataPoints: MetricsTime.ONE_HOUR },
        skipLockRenewal: this.#locks !== undefined,
        runRetryDelay: 1000,
      },
    );
    // Without a listener an error would end the process. The same one comes with every attempt to
    // connect: it is told once, until the next.
    let last: string | undefined;
    worker.on("error", (err) => {
      if (err.message === last) return;
      last = err.message;
      this.#logger.warn({ err }, "the queue has a problem");
    });
    worker.on("lockRenewalFailed", (jobIds: string[]) =>
      this.#processor.lose(({ jobId }) => jobIds.includes(jobId)),
    );
    worker.on("stalled", (jobId) =>
      this.#logger.warn({ jobId }, "a job whose worker is gone waits again"),
    );
    return worker;
  }
}

function openedCache({ cache }: { cache?: object | undefined }): ModelCache | undefined {
  return cache !== undefined && "acquire" in cache ? (cache as ModelCache) : undefined;
}
