import { photosInProgress } from "../../base/threads/photos-in-progress.ts";
import type { Logger } from "../../logger.ts";
import { RedisPulse } from "../queue/redis-pulse.ts";
import type { FleetWorkerOptions } from "../worker/worker-options.ts";
import { ProcessStats } from "./process-stats.ts";
import type { QueueWorker } from "./queue-worker.ts";
import { toStartFailure } from "./start-failure.ts";
import { setUpTask, type TaskSetup, type WorkerSetup } from "./task-module.ts";
import type { WorkerConfig, WorkerMessage, WorkerOrder } from "./worker-messages.ts";

export interface WorkerProcessOptions {
  readonly config: WorkerConfig;
  readonly logger: Logger;
  /** Sends a message to the supervisor; resolves when it is sent. */
  readonly send: (message: WorkerMessage) => Promise<void>;
  /** Opens the worker. Tests replace it with one without a queue. */
  readonly openWorker?: (
    setup: TaskSetup,
    options: FleetWorkerOptions,
  ) => QueueWorker | Promise<QueueWorker>;
}

/** Frequent enough to act on, rare enough to cost nothing. */
const statsPeriodMs = 100;
/** Reports are sent even without work: a silent process counts as hanging. */
const heartbeatMs = 2_000;
/** The shortest interval while there is work. What a killed process had not sent is lost. */
const metricsPeriodMs = 1_000;

/**
 * A worker process that obeys its supervisor: *begin* (load, prove, report that it is ready),
 * *take* jobs, *drain* (finish and end).
 */
export class WorkerProcess {
  readonly #options: WorkerProcessOptions;
  readonly #leaving = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  #setup: TaskSetup | WorkerSetup | undefined;
  #worker: QueueWorker | undefined;
  #stats = new ProcessStats(undefined);
  #pulse: RedisPulse | undefined;
  #deadlineMs: number | undefined;
  #statsTimer: NodeJS.Timeout | undefined;
  #metricsTimer: NodeJS.Timeout | undefined;

  constructor(options: WorkerProcessOptions) {
    this.#options = options;
    // It may reject before anybody awaits it.
    this.#leaving.promise.catch(() => {});
  }

  /**
   * Works until it is ordered to drain, or can do no more jobs. Resolves to the exit status: 0 for
   * an orderly end.
   */
  async run(): Promise<number> {
    const heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    try {
      await this.#begin();
      await this.#leaving.promise;
      await this.#worker?.close(this.#closeOptions);
      void this.#options.send({ type: "drained" });
      return 0;
    } catch (error) {
      if (this.#deadlineMs !== undefined) return 0;
      this.#reportFailure(error);
      return 1;
    } finally {
      clearInterval(heartbeat);
      clearTimeout(this.#statsTimer);
      await this.#worker?.close(this.#closeOptions);
      clearTimeout(this.#metricsTimer);
      await this.#sendMetrics();
      await this.#setup?.[Symbol.asyncDispose]();
    }
  }

  obey(order: WorkerOrder): void {
    if (order.type === "take") this.#take();
    else if (order.type === "direct") this.#worker?.setTaking?.(order.isTaking);
    else if (order.type === "drain") this.drain(order.deadlineMs);
  }

  /**
   * Finishes its jobs and ends; after the deadline it gives them back. A deadline only gets nearer.
   */
  drain(deadlineMs: number): void {
    this.#deadlineMs = Math.min(deadlineMs, this.#deadlineMs ?? deadlineMs);
    this.#ending.abort(new Error("the process is to end"));
    this.#leaving.resolve();
    this.#close(deadlineMs);
  }

  /** Gives its jobs back and ends, even if it is already draining. */
  #giveUp(error: unknown): void {
    this.#leaving.reject(error);
    this.#close(0);
  }

  #close(deadlineMs: number): void {
    this.#worker?.close({ deadlineMs }).catch((err: unknown) => {
      this.#options.logger.error({ err }, "the worker could not close");
    });
  }

  get #closeOptions() {
    return { deadlineMs: this.#deadlineMs ?? 0 };
  }

  async #begin(): Promise<void> {
    const { config, logger, send, openWorker = openQueueWorker } = this.#options;
    const { slot, models, settings, task, queue, connection, worker } = config;
    const setup = await setUpTask(task, {
      ...slot,
      models,
      settings,
      logger,
      onOvertaken: (error) => this.#giveUp(error),
      signal: this.#ending.signal,
    });
    this.#setup = setup;
    this.#stats = new ProcessStats(setup.cache);
    if (this.#deadlineMs !== undefined) return;
    const workerOptions: FleetWorkerOptions = {
      // Processes share the cores; one by itself has all.
      concurrency: photosInProgress(
        { isOnCpu: slot.kind === "cpu" },
        slot.intraOpThreads || undefined,
      ),
      ...worker,
      queue,
      connection,
      name: slot.name,
      workerId: slot.workerId,
      logger,
      autostart: false,
      cache: setup.cache,
      onJobEnd: () => this.#countTask(),
      supervision: {
        earlierProcesses: config.earlierProcesses ?? 0,
        recycle: () => void send({ type: "recycle" }),
        directed: (isTaking) => void send({ type: "directed", isTaking }),
      },
    };
    this.#worker =
      "openWorker" in setup
        ? setup.openWorker({
            ...workerOptions,
            onShutdown: () => void send({ type: "shutdown" }),
          })
        : await openWorker(setup, {
            ...workerOptions,
            parse: setup.parse,
            telemetry: setup.telemetry,
            prepare: (signal: AbortSignal) => setup.prove(signal),
          });
    const opened = this.#worker;
    await opened.ready;
    this.#pulse = new RedisPulse(() => opened.ping());
    await this.#sendMetrics();
    void send({ type: "ready", device: this.#stats.deviceOf(slot), stats: this.#read() });
  }

  #take(): void {
    this.#worker?.start().then(
      () => void this.#options.send({ type: "taking" }),
      (err: unknown) => this.#options.logger.error({ err }, "the worker cannot take jobs"),
    );
  }

  #beat(): void {
    void this.#pulse?.beat();
    this.#sendStats();
    this.#sendMetricsSoon();
  }

  #countTask(): void {
    this.#stats.countTask();
    this.#statsTimer ??= setTimeout(() => {
      this.#statsTimer = undefined;
      this.#sendStats();
    }, statsPeriodMs);
    this.#sendMetricsSoon();
  }

  #sendStats(): void {
    void this.#options.send({ type: "stats", stats: this.#read() });
  }

  #read() {
    return this.#stats.read({
      active: this.#worker?.counts.active ?? 0,
      isConnected: this.#pulse?.isAlive ?? false,
      queueTrouble: this.#worker?.trouble?.code,
    });
  }

  #sendMetricsSoon(): void {
    this.#metricsTimer ??= setTimeout(() => {
      this.#metricsTimer = undefined;
      void this.#sendMetrics();
    }, metricsPeriodMs);
  }

  async #sendMetrics(): Promise<void> {
    if (this.#worker === undefined) return;
    const metrics = await this.#worker.metrics.getMetricsAsJSON();
    await this.#options.send({ type: "metrics", metrics });
  }

  #reportFailure(error: unknown): void {
    const { logger, send } = this.#options;
    const failure = toStartFailure(error);
    // The supervisor logs other failures by their message; these need the stack.
    if (failure.code === "UNKNOWN") logger.error({ err: error }, "the worker process failed");
    void send({ type: "failed", ...failure });
  }
}

async function openQueueWorker(
  setup: TaskSetup,
  options: FleetWorkerOptions,
): Promise<QueueWorker> {
  // Imported late: other queues do not need BullMQ.
  const { createWorker } = await import("../worker/create-worker.ts");
  const { storeOf } = await import("../store/store-of.ts");
  const worker = createWorker(setup.task, options);
  return Object.assign(worker, { ping: () => storeOf(worker.bullmq).ping() });
}
