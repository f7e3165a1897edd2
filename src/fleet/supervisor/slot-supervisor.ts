import { setTimeout as sleep } from "node:timers/promises";
import { settlesWithin } from "../../base/abort.ts";
import type { OneAtATime } from "../../base/one-at-a-time.ts";
import type { Logger } from "../../logger.ts";
import type { FleetMetrics } from "../../monitor/fleet-metrics.ts";
import type { DeviceSlot } from "../process/device-slot.ts";
import type { WorkerConfig, WorkerDevice } from "../process/worker-messages.ts";
import { RestartBackoff, type RestartBackoffOptions } from "./restart-backoff.ts";
import { hasRoomForTwo } from "./room-for-two.ts";
import type {
  RecycleOptions,
  RecycleReason,
  SlotEvent,
  SlotState,
  SlotStatus,
} from "./slot-status.ts";
import { WorkerChild } from "./worker-child.ts";

export interface SlotSupervisorOptions {
  readonly slot: DeviceSlot;
  readonly entry: URL;
  readonly arguments: readonly string[];
  readonly config: WorkerConfig;
  readonly recycle: RecycleOptions;
  readonly backoff: RestartBackoffOptions;
  /** To be left free for others when it is decided whether a successor has room. */
  readonly keepFreeBytes: number;
  /** A process that is not ready after this time is ended. */
  readonly startTimeoutMs: number;
  /** A process that tells nothing for this long, or is at one inference, hangs, and is ended. */
  readonly unresponsiveMs: number;
  /** How long a replaced process may take to finish its jobs. */
  readonly drainDeadlineMs: number;
  /** How long a successor on the CPU lets its predecessor finish before it takes jobs itself. */
  readonly handOverMs: number;
  /** Shared by all slots: one successor is started at a time. */
  readonly turn: OneAtATime;
  readonly metrics: FleetMetrics;
  readonly logger: Logger;
  readonly onEvent: (event: SlotEvent) => void;
}

/** A process that has worked for so long has not failed, whether there was work or not. */
const provenMs = 10_000;

/** After its deadline, a process may take so long to give its jobs back and end. */
export const overdueMs = 15_000;

const defaultGrowthBytesPerTask = 65_536;

/** The longest that a timer of Node takes. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Sees to it that one device slot has a worker process.
 *
 * - *starting*: a process loads its models and proves itself; none takes jobs. Ready, it takes jobs:
 *   *working*. Failed, or not ready in time: *waiting*.
 * - *waiting*: no process. After a wait that doubles with each failure in a row: *starting*; after too
 *   many: *given up*, for good.
 * - *working*: one process takes jobs. When it dies: *waiting*, and not for long if it had done any
 *   work. When it is to be recycled: *replacing*.
 * - *replacing*: a successor loads and proves itself while the old process works. Ready, it takes
 *   jobs, and the old one takes no more, finishes and ends: *working*, without a gap. Failed: the old
 *   one works on, and it is tried again later. Where memory does not hold both, the old one goes
 *   first, and the gap is reported.
 * - *stopping*, from any state: every process is told to finish and end. Then *stopped*.
 */
export class SlotSupervisor {
  readonly #options: SlotSupervisorOptions;
  readonly #logger: Logger;
  readonly #backoff: RestartBackoff;
  readonly #stopping = new AbortController();
  /** Every process that has not ended yet. */
  readonly #children = new Set<WorkerChild>();
  #state: SlotState = "starting";
  #current: WorkerChild | undefined;
  #device: WorkerDevice | undefined;
  #reason: string | undefined;
  #failures = 0;
  #recycled = 0;
  /** Ends the watch over the current process. */
  #decide: (next: "died" | "stop" | RecycleReason) => void = () => {};
  /** After a successor that failed, no other is tried before. */
  #recycleNotBefore = 0;

  constructor(options: SlotSupervisorOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ slot: options.slot.name });
    this.#backoff = new RestartBackoff(options.backoff);
  }

  get status(): SlotStatus {
    const worker = this.#current;
    const healthy =
      worker !== undefined &&
      !worker.isGone &&
      (this.#state === "working" || this.#state === "replacing");
    return {
      name: this.#options.slot.name,
      state: this.#state,
      healthy,
      ...(!healthy && this.#reason !== undefined && { reason: this.#reason }),
      ...(worker?.pid !== undefined && { pid: worker.pid }),
      ...(this.#device !== undefined && { device: this.#device.label }),
      ...(worker?.stats && { stats: worker.stats }),
      ...(worker !== undefined && { silentMs: worker.silentMs }),
      failures: this.#failures,
      recycled: this.#recycled,
    };
  }

  /** Works until it is stopped or gives up; resolves when every process has ended. */
  async run(): Promise<void> {
    let worker = await this.#startAnew();
    while (worker !== undefined) {
      // After a successor that failed it is the old one still.
      this.#enter("working");
      const next = await this.#watch(worker);
      if (next === "stop") break;
      worker = next === "died" ? await this.#restart(worker) : await this.#recycle(worker, next);
    }
    await Promise.all([...this.#children].map(({ exited }) => exited));
    if (this.#state !== "given up") this.#state = "stopped";
  }

  /** Replaces the process that works now. Nothing happens where none does. */
  recycle(): void {
    this.#decide("asked for");
  }

  /** Lets every process finish and end. Called again, with a nearer deadline. */
  stop(deadlineMs: number): void {
    this.#state = "stopping";
    this.#stopping.abort();
    for (const child of this.#children) child.drain(deadlineMs);
  }

  /** Lets every process give its jobs back and end. */
  abort(): void {
    this.stop(0);
  }

  /** Ends every process at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  /** A process that takes jobs; undefined when the slot is stopped or given up. */
  async #startAnew(): Promise<WorkerChild | undefined> {
    while (!this.#stopping.signal.aborted) {
      this.#enter("starting");
      const failure = await this.#start().then(
        (child) => ({ child }),
        (error: unknown) => ({ reason: messageOf(error) }),
      );
      if ("child" in failure) return failure.child;
      if (this.#stopping.signal.aborted) return undefined;
      this.#countFailure(failure.reason);
      if (this.#backoff.isExhausted) return this.#giveUp(failure.reason);
      const retryInMs = this.#backoff.waitMs;
      this.#options.onEvent({ type: "failed", reason: failure.reason, retryInMs });
      await this.#wait(retryInMs);
    }
    return undefined;
  }

  /** After a death: at once where the process had worked. */
  async #restart(dead: WorkerChild): Promise<WorkerChild | undefined> {
    const { signal, status } = await dead.exited;
    const reason = `it ended with ${signal ?? `status ${status}`}`;
    const hasWorked = (dead.stats?.tasks ?? 0) > 0 || performance.now() - dead.startedAt > provenMs;
    if (hasWorked) this.#backoff.succeeded();
    this.#countFailure(reason, hasWorked);
    this.#options.onEvent({ type: "died", pid: dead.pid!, reason });
    if (this.#backoff.isExhausted) return this.#giveUp(reason);
    await this.#wait(this.#backoff.waitMs);
    return await this.#startAnew();
  }

  /**
   * Starts a process, waits until it has proved itself, and lets it take jobs.
   *
   * @param handOver waited for in between
   */
  async #start(
    handOver: (device: WorkerDevice) => Promise<void> = async () => {},
  ): Promise<WorkerChild> {
    const child = this.#spawn();
    const device = await this.#untilReady(child);
    if (this.#stopping.signal.aborted) throw new Error("the slot is stopped");
    const startMs = performance.now() - child.startedAt;
    this.#current = child;
    this.#device = device;
    this.#reason = undefined;
    await handOver(device);
    if (!this.#stopping.signal.aborted) child.take();
    this.#enter("working");
    this.#options.onEvent({ type: "ready", pid: child.pid!, device: device.label, startMs });
    return child;
  }

  #spawn(): WorkerChild {
    const { entry, arguments: args, config, metrics } = this.#options;
    const child = new WorkerChild({
      ...{ entry, arguments: args, config },
      onStats: () => {
        if (child === this.#current) this.#considerRecycling(child);
      },
      onMetrics: (snapshot) => metrics.update(child, snapshot),
      onSilence: () => void metrics.retire(child),
    });
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  async #untilReady(child: WorkerChild): Promise<WorkerDevice> {
    const timer = setTimeout(() => child.kill(), this.#options.startTimeoutMs);
    try {
      return await child.ready;
    } finally {
      clearTimeout(timer);
    }
  }

  async #watch(worker: WorkerChild): Promise<"died" | "stop" | RecycleReason> {
    const { recycle, unresponsiveMs } = this.#options;
    const next = Promise.withResolvers<"died" | "stop" | RecycleReason>();
    this.#decide = next.resolve;
    void worker.exited.then(() => next.resolve("died"));
    const stop = () => next.resolve("stop");
    this.#stopping.signal.addEventListener("abort", stop);
    if (this.#stopping.signal.aborted) stop();
    const { ageMs = longestTimerMs } = recycle;
    const age = performance.now() - worker.startedAt;
    const old = setTimeout(
      () => next.resolve("age"),
      Math.min(
        longestTimerMs,
        Math.max(0, ageMs - age, this.#recycleNotBefore - performance.now()),
      ),
    );
    const silence = setInterval(() => {
      const { pid, silentMs, stats } = worker;
      const inferenceMs = stats?.inferenceMs ?? 0;
      if (Math.max(silentMs, inferenceMs) < unresponsiveMs) return;
      this.#logger.error({ pid, silentMs, inferenceMs }, "a worker process hangs and is ended");
      worker.kill();
    }, unresponsiveMs / 4);
    try {
      return await next.promise;
    } finally {
      this.#decide = () => {};
      this.#stopping.signal.removeEventListener("abort", stop);
      clearTimeout(old);
      clearInterval(silence);
    }
  }

  #considerRecycling({ stats }: WorkerChild): void {
    if (stats === undefined || performance.now() < this.#recycleNotBefore) return;
    const { tasks, growthBytesPerTask = defaultGrowthBytesPerTask } = this.#options.recycle;
    if (stats.growthBytesPerTask > growthBytesPerTask) this.#decide("memory growth");
    else if (tasks !== undefined && stats.tasks >= tasks) this.#decide("tasks");
  }

  /** The process that works afterwards: the successor, or the old one where that failed. */
  async #recycle(old: WorkerChild, reason: RecycleReason): Promise<WorkerChild | undefined> {
    this.#enter("replacing");
    const replaced = Promise.withResolvers<WorkerChild | undefined>();
    // The next slot's turn comes when the old process has left the memory.
    this.#options.turn
      .run(async () => {
        const successor = await this.#replace(old, reason);
        replaced.resolve(successor);
        if (successor !== old) await this.#untilRetired(old);
      })
      .catch(replaced.reject);
    return await replaced.promise;
  }

  async #replace(old: WorkerChild, reason: RecycleReason): Promise<WorkerChild | undefined> {
    if (old.isGone || this.#stopping.signal.aborted) return old;
    const { drainDeadlineMs, keepFreeBytes } = this.#options;
    const device = this.#device?.label ?? this.#options.slot.device;
    const memory = old.stats?.memory ?? { processBytes: 0, gpuBytes: 0 };
    const stoppedAt = performance.now();
    if (!hasRoomForTwo({ device, memory, keepFreeBytes })) {
      // It takes no more jobs, and nobody does until the successor is ready.
      this.#current = undefined;
      old.drain(drainDeadlineMs);
      await this.#untilRetired(old);
      const successor = await this.#startAnew();
      await Promise.race([successor?.taking, successor?.exited]);
      if (successor) this.#tellRecycled(successor, reason, performance.now() - stoppedAt);
      return successor;
    }
    try {
      const successor = await this.#start((device) => this.#handOver(old, device));
      this.#tellRecycled(successor, reason, 0);
      return successor;
    } catch (error) {
      if (this.#stopping.signal.aborted) return old;
      this.#countFailure(messageOf(error));
      const retryInMs = Math.max(1000, this.#backoff.waitMs);
      this.#recycleNotBefore = performance.now() + retryInMs;
      this.#options.onEvent({ type: "failed", reason: messageOf(error), retryInMs });
      return old;
    }
  }

  /**
   * Lets a process finish whose successor is ready. On a CPU the successor waits for it: together they
   * would have twice as many threads as there are cores, and recycling every 20 tasks took 4.8 % of
   * the throughput instead of 0.7 %. A GPU is better used by both.
   */
  async #handOver(old: WorkerChild, { kind }: WorkerDevice): Promise<void> {
    const { drainDeadlineMs, handOverMs } = this.#options;
    old.drain(drainDeadlineMs);
    // A slot that is stopped meanwhile ends no later for it: `drained` comes with the process's end.
    if (kind === "cpu") await settlesWithin(old.drained, handOverMs);
  }

  /** A process that does not end when it should is ended: the others wait for its memory. */
  async #untilRetired(old: WorkerChild): Promise<void> {
    const timer = setTimeout(() => old.kill(), this.#options.drainDeadlineMs + overdueMs);
    await old.exited;
    clearTimeout(timer);
  }

  #tellRecycled({ pid }: WorkerChild, reason: RecycleReason, gapMs: number): void {
    this.#recycled++;
    this.#recycleNotBefore = 0;
    this.#backoff.succeeded();
    this.#options.onEvent({ type: "recycled", reason, pid: pid!, gapMs });
  }

  #countFailure(reason: string, hasWorked = false): void {
    this.#failures++;
    this.#reason = reason;
    if (!hasWorked) this.#backoff.failed();
  }

  /** A slot that is stopping only ever becomes stopped. */
  #enter(state: SlotState): void {
    if (!this.#stopping.signal.aborted) this.#state = state;
  }

  #giveUp(reason: string): undefined {
    this.#state = "given up";
    this.#options.onEvent({ type: "given up", reason });
  }

  async #wait(ms: number): Promise<void> {
    this.#enter("waiting");
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
