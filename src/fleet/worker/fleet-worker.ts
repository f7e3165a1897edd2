import { type Job, MetricsTime, Worker, type WorkerOptions } from "bullmq";
import { settlesWithin } from "../../base/abort.ts";
import type { Logger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import type { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import { KeptCrashMarks } from "../jobs/crash-marks.ts";
import { endForBullmq, requireJson } from "../jobs/job-failure.ts";
import { JobProcessor } from "../jobs/job-processor.ts";
import { KeptPartialWork } from "../jobs/kept-partial-work.ts";
import { openQueueLocks } from "../locks/queue-locks.ts";
import { FirstContact } from "../queue/first-contact.ts";
import { patientBackend } from "../queue/patient-backend.ts";
import { withQueueErrors } from "../queue/queue-errors.ts";
import { QueuePatience } from "../queue/queue-patience.ts";
import { probeQueue } from "../queue/queue-probe.ts";
import { type QueueServer, serverOf } from "../queue/queue-server.ts";
import { toPortableConnection } from "../queue/redis-connection.ts";
import { storeOf } from "../store/store-of.ts";
import { PublishedStatus } from "../store/worker-status.ts";
import { BaseWorker, type BaseWorkerParts } from "./base-worker.ts";
import { WorkTally } from "./work-tally.ts";
import { WorkerHeartbeat } from "./worker-heartbeat.ts";
import { WorkerLife } from "./worker-life.ts";
import type { CheckedWorkerOptions } from "./worker-options.ts";

/** The checked options of a worker, and the parts that `createWorker` made from them. */
export interface FleetWorkerParts<Payload, Result>
  extends Omit<CheckedWorkerOptions<Payload>, "cache" | "workerId"> {
  readonly name: string;
  readonly task: ModelTask<Payload, Result>;
  readonly cache: ModelCache;
  /** A cache that the worker owns and disposes. */
  readonly ownedCache: AsyncDisposable | undefined;
  /** What logs and errors call the queue. Default: its name. */
  readonly label?: string | undefined;
  /** A tally shared by several workers; its creator disposes it. Default: one of its own. */
  readonly metrics?: WorkerMetrics | undefined;
  readonly prepare: (signal: AbortSignal) => Promise<void>;
}

/**
 * After how many stalls BullMQ itself fails a job: never. `maxCrashes` decides, in the worker,
 * where the task's hooks are called.
 */
const neverFailStalled = 1e9;

/** Ends BullMQ's wait for the next job; it is not a problem of the queue. */
const leavingReason = new Error("the worker closes");

/** After this time without an answer, the server is probed for the reason. */
const silenceMs = 2_000;

/** Takes jobs from a BullMQ queue and runs a task for each. Made by `createWorker`. */
export class FleetWorker<Payload = unknown, Result = unknown> extends BaseWorker {
  readonly queue: string;
  /** BullMQ's own worker, for its events. */
  readonly bullmq: Worker;

  constructor(parts: FleetWorkerParts<Payload, Result>) {
    const made = assemble(parts);
    super(made);
    this.queue = made.queue;
    this.bullmq = made.bullmq;
  }

  /** Whether to take jobs. The models stay loaded, and running jobs continue. */
  setTaking(isTaking: boolean): void {
    setTaking(this.bullmq, isTaking);
  }
}

/** Creates the worker's parts and starts preparing it. */
function assemble<Payload, Result>(
  parts: FleetWorkerParts<Payload, Result>,
): BaseWorkerParts & Pick<FleetWorker, "queue" | "bullmq"> {
  const { name, label: queue = parts.queue, cache, ownedCache, autostart } = parts;
  const logger = parts.logger.child({ worker: name, queue });
  const patience = new QueuePatience({ queue, logger });
  const contact = new FirstContact({ queue, patience });
  const leaving = new AbortController();
  const server = serverOf({ ...parts, isMade: true });
  const backend = patientBackend(server.backend, {
    patience,
    signal: leaving.signal,
    isTaking: () => !bullmq.isPaused(),
  });
  const bullmq = createBullmqWorker({ ...server, backend }, parts, async (job, token) =>
    endForBullmq(await processor.process(job, token!)),
  );
  const store = storeOf(bullmq);
  // Without a listener, an error event would end the process.
  bullmq.on("error", (error) => {
    if (error === leavingReason) return;
    if (isAboutJob(error))
      logger.info({ err: error }, "the queue had already ended or returned a job");
    else contact.receive(error);
  });
  bullmq.on("stalled", (jobId) => logger.warn({ jobId }, "a job whose worker is gone waits again"));
  const locks = openQueueLocks(bullmq, { ...parts, logger });
  const processor: JobProcessor<Payload, Result> = new JobProcessor({
    ...parts,
    logger,
    locks,
    checkResult: requireJson,
    crashMarks: new KeptCrashMarks(store.attempts, patience),
    partialWork: (jobId) => new KeptPartialWork(store.attempts, jobId, logger),
    onJobEnd: (end) => tally.countEnd(end),
    onTimings: (timingsMs) => tally.observeTimings(timingsMs),
  });
  const tally = new WorkTally({
    name,
    cache,
    active: () => processor.active,
    resultLogFields: (result) => parts.task.resultLogFields(result),
    metrics: parts.metrics,
    onJobEnd: parts.onJobEnd,
    logger,
  });
  let heartbeat: WorkerHeartbeat | undefined;
  const life = new WorkerLife({
    source: {
      // A worker that was drained before it started and then resumed is already running.
      run: async () => {
        if (!bullmq.isRunning()) await bullmq.run();
      },
      close: () => bullmq.close(),
      disconnect: () => bullmq.disconnect(),
    },
    jobs: processor,
    autostart,
    logger,
    prepare: async (signal) => {
      const reached = reach(bullmq, { server, patience, contact, logger, signal });
      await Promise.all([parts.prepare(signal), reached, locks.ready]);
      signal.throwIfAborted();
      const started = new WorkerHeartbeat({
        name,
        cache,
        status: new PublishedStatus(bullmq, name),
        patience,
        counts: () => tally.progress,
        setTaking: (isTaking) => setTaking(bullmq, isTaking),
        isDrained: () => bullmq.isPaused(),
        supervision: parts.supervision,
      });
      heartbeat = started;
      await patience.repeat(() => started.beat(), { signal });
    },
    leave: () => {
      heartbeat?.[Symbol.dispose]();
      leaving.abort(leavingReason);
    },
    release: async () => {
      tally[Symbol.dispose]();
      await locks[Symbol.asyncDispose]();
      await ownedCache?.[Symbol.asyncDispose]();
      // A worker that never became ready has nothing to report.
      if (heartbeat !== undefined) logger.info({ ...tally.counts }, "the worker is closed");
    },
  });
  return { name, queue, bullmq, life, tally, patience };
}

/**
 * Whether BullMQ was refused a job, not the queue: its lock was lost, or a request that ended it
 * was sent again because the answer was lost. BullMQ numbers these errors.
 */
function isAboutJob(error: Error): boolean {
  return "code" in error && typeof error.code === "number" && error.code < 0;
}

function setTaking(bullmq: Worker, isTaking: boolean): void {
  if (isTaking) {
    if (bullmq.isPaused()) void bullmq.resume();
    return;
  }
  // BullMQ's own wait for the running jobs is not needed here.
  void bullmq.pause(true);
}

/** Waits until the server serves the queue, however long that takes. */
async function reach(
  bullmq: Worker,
  {
    server,
    patience,
    contact,
    logger,
    signal,
  }: {
    readonly server: QueueServer;
    readonly patience: QueuePatience;
    readonly contact: FirstContact;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const ready = Promise.race([bullmq.waitUntilReady(), contact.refusal]);
  while (!(await settlesWithin(ready, silenceMs)) && !signal.aborted) {
    const reason = patience.trouble ?? (await server.whyNotReady());
    if (reason !== undefined) patience.report(reason);
  }
  await withQueueErrors(bullmq, () => ready);
  await patience.repeat(() => probeQueue(bullmq), { signal });
  contact.reached();
  await storeOf(bullmq).warnOfLosses(logger);
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
    // Counts ended jobs for `orangery status`: the jobs themselves may be removed.
    metrics: { maxDataPoints: MetricsTime.ONE_HOUR },
    skipLockRenewal: toPortableConnection(connection) !== undefined,
    runRetryDelay: 1000,
  };
  return new Worker(queue, process, workerOptions, backend);
}
