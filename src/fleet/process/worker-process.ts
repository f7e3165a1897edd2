import { once } from "node:events";
import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";
import { RedisPulse } from "../queue/redis-pulse.ts";
import { FleetWorker } from "../worker/fleet-worker.ts";
import { checkWorkerOptions } from "../worker/worker-options.ts";
import { MemoryTrend } from "./memory-trend.ts";
import { setUpTask, type TaskSetup } from "./task-module.ts";
import type {
  ProcessMemory,
  WorkerConfig,
  WorkerDevice,
  WorkerMessage,
  WorkerOrder,
  WorkerStats,
} from "./worker-messages.ts";

/** Often enough to act on, rarely enough to cost nothing. */
const statsPeriodMs = 100;
/** Also without work: a process that is silent hangs. */
const heartbeatMs = 2_000;
/** At most so often while there is work: what a process had not told when it is killed is lost. */
const metricsPeriodMs = 1_000;

/**
 * A worker process: what the supervisor starts for a device slot. It does as it is told by messages:
 * *begin* (load, prove, report ready), *take* jobs, *drain* (finish and end), *abort* (give jobs back
 * and end). Without a supervisor it drains.
 *
 * Signals: SIGTERM drains, for whoever ends one process by hand. SIGINT and SIGHUP, which a terminal
 * sends to every process, are the supervisor's to answer.
 *
 * @returns the exit status: 0 for an orderly end
 */
export async function runWorkerProcess(logger: Logger): Promise<number> {
  if (process.send === undefined) {
    logger.error({}, "a worker process is started by a supervisor, not by hand");
    return 1;
  }
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const [order]: [WorkerOrder] = (await once(process, "message")) as [WorkerOrder];
  if (order.type !== "begin") return 0;
  const worker = new WorkerProcess(order.config, logger.child({ worker: order.config.slot.name }));
  return await worker.run();
}

class WorkerProcess {
  readonly #config: WorkerConfig;
  readonly #logger: Logger;
  readonly #leaving = Promise.withResolvers<void>();
  readonly #trends = { process: new MemoryTrend(), gpu: new MemoryTrend() };
  #setup: TaskSetup | undefined;
  #worker: FleetWorker | undefined;
  #deadlineMs: number | undefined;
  #tasks = 0;
  #statsTimer: NodeJS.Timeout | undefined;
  #metricsTimer: NodeJS.Timeout | undefined;
  #pulse: RedisPulse | undefined;

  constructor(config: WorkerConfig, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  async run(): Promise<number> {
    process.on("message", (order: WorkerOrder) => this.#obey(order));
    process.once("SIGTERM", () => this.#leave(this.#config.orphanDeadlineMs));
    process.once("disconnect", () => this.#leave(this.#config.orphanDeadlineMs));
    const heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    try {
      await this.#begin();
      await this.#leaving.promise;
      await this.#worker?.close(this.#closeOptions);
      void this.#report({ type: "drained" });
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

  get #closeOptions() {
    return { deadlineMs: this.#deadlineMs ?? 0 };
  }

  async #begin(): Promise<void> {
    const { slot, models, settings, task, queue, connection, worker } = this.#config;
    const logger = this.#logger;
    const setup = await setUpTask(task, { ...slot, models, settings, logger });
    this.#setup = setup;
    if (this.#deadlineMs !== undefined) return;
    const options = checkWorkerOptions({
      concurrency: slot.kind === "gpu" ? 4 : 2,
      ...{ ...worker, queue, connection, name: slot.name, logger, autostart: false },
      ...(setup.parse && { parse: setup.parse }),
      ...(setup.telemetry && { telemetry: setup.telemetry }),
      ...(setup.cache && { cache: setup.cache }),
      prepare: (signal: AbortSignal) => setup.prove(signal),
      onJobEnd: () => this.#countTask(),
    });
    this.#worker = new FleetWorker(setup.task, options, async () => {});
    await this.#worker.ready;
    this.#pulse = new RedisPulse(() => this.#askRedis());
    await this.#sendMetrics();
    void this.#report({ type: "ready", device: this.#device, stats: this.#stats });
  }

  /** Of the first model; a task without models is taken to run where its slot is. */
  get #device(): WorkerDevice {
    const { slot } = this.#config;
    const { device, deviceKind } = this.#setup?.cache?.info().models[0] ?? {};
    if (device === undefined) return { label: slot.device, kind: slot.kind };
    return { label: device, kind: deviceKind === "cpu" ? "cpu" : "gpu" };
  }

  #obey(order: WorkerOrder): void {
    if (order.type === "take") this.#take();
    else if (order.type === "drain") this.#leave(order.deadlineMs);
  }

  #take(): void {
    this.#worker?.start().then(
      () => void this.#report({ type: "taking" }),
      (err: unknown) => this.#logger.error({ err }, "the worker cannot take jobs"),
    );
  }

  /** A deadline only ever gets nearer. */
  #leave(deadlineMs: number): void {
    this.#deadlineMs = Math.min(deadlineMs, this.#deadlineMs ?? deadlineMs);
    this.#leaving.resolve();
    this.#worker?.close({ deadlineMs }).catch((err: unknown) => {
      this.#logger.error({ err }, "the worker could not close");
    });
  }

  #beat(): void {
    void this.#pulse?.beat();
    void this.#report({ type: "stats", stats: this.#stats });
    this.#sendMetricsSoon();
  }

  async #askRedis(): Promise<void> {
    const { bullmq } = this.#worker!;
    const client = await bullmq.getBackend().client;
    if (client.status !== "ready") throw new Error(`the connection is ${client.status}`);
    await client.hexists(bullmq.toKey("meta"), "version");
  }

  #countTask(): void {
    this.#tasks++;
    const { processBytes, gpuBytes } = this.#memory;
    this.#trends.process.add(this.#tasks, processBytes);
    if (gpuBytes > 0) this.#trends.gpu.add(this.#tasks, gpuBytes);
    this.#statsTimer ??= setTimeout(() => {
      this.#statsTimer = undefined;
      void this.#report({ type: "stats", stats: this.#stats });
    }, statsPeriodMs);
    this.#sendMetricsSoon();
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
    await this.#report({ type: "metrics", metrics });
  }

  get #stats(): WorkerStats {
    const { process, gpu } = this.#trends;
    return {
      tasks: this.#tasks,
      active: this.#worker?.counts.active ?? 0,
      inferenceMs: this.#setup?.cache?.info().longestRunMs ?? 0,
      isConnected: this.#pulse?.isAlive ?? false,
      memory: this.#memory,
      growthBytesPerTask: Math.max(process.growthBytesPerTask, gpu.growthBytesPerTask),
    };
  }

  get #memory(): ProcessMemory {
    const info = this.#setup?.cache?.info();
    const { processBytes, gpus } = info?.memory ?? readMemory();
    const modelBytes = info?.models.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) ?? 0;
    const gpuBytes = gpus.map((gpu) => gpu.processBytes ?? modelBytes);
    return { processBytes, gpuBytes: gpuBytes.reduce((sum, bytes) => sum + bytes, 0) };
  }

  #reportFailure(error: unknown): void {
    this.#logger.error({ err: error }, "the worker process failed");
    const code = isOrangeryError(error) ? error.code : "UNKNOWN";
    const message = error instanceof Error ? error.message : String(error);
    void this.#report({ type: "failed", code, message });
  }

  /** Resolves when it is on its way. */
  async #report(report: WorkerMessage): Promise<void> {
    // A supervisor that is gone needs no report.
    if (!process.connected) return;
    await new Promise<void>((resolve) => process.send!(report, () => resolve()));
  }
}
