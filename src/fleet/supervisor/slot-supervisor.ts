import { setTimeout as sleep } from "node:timers/promises";
import { settlesWithin } from "../../base/abort.ts";
import type { OneAtATime } from "../../base/one-at-a-time.ts";
import { textOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { FleetMetrics } from "../../monitor/fleet-metrics.ts";
import type { StartFailure } from "../process/start-failure.ts";
import type { WorkerConfig } from "../process/worker-messages.ts";
import { RestartBackoff } from "./restart-backoff.ts";
import type { SlotPolicy } from "./slot-policy.ts";
import type { RecycleReason, SlotChange, SlotEvent, SlotState, SlotStatus } from "./slot-status.ts";
import type { StartProcess } from "./start-process.ts";
import {
  hasRoomForTwo,
  succeedOneAfterTheOther,
  succeedSideBySide,
  untilRetired,
} from "./succession.ts";
import { describeExit, startFailureOf, WorkerChild } from "./worker-child.ts";
import { type WatchEnd, WorkerWatch } from "./worker-watch.ts";

export interface SlotSupervisorOptions {
  readonly config: WorkerConfig;
  readonly policy: SlotPolicy;
  readonly startProcess: StartProcess;
  /** Shared by all slots: one successor is started at a time. */
  readonly turn: OneAtATime;
  readonly metrics: Pick<FleetMetrics, "update" | "retire">;
  readonly logger: Logger;
  readonly onEvent: (event: SlotEvent) => void;
  readonly onChange: (change: SlotChange) => void;
}

/** A process that has run for this long has not failed, even if there was no work. */
const provenMs = 10_000;

/**
 * Keeps one device slot supplied with a worker process.
 *
 * - *starting*: a process loads its models and proves itself; none takes jobs. Ready, it takes
 *   jobs: *working*. Failed, or not ready in time: *waiting*.
 * - *waiting*: no process. After a wait that doubles with each failure in a row: *starting*; after
 *   too many, or at once where no start can succeed and none has yet: *given up*, for good.
 * - *working*: one process takes jobs. When it dies: *waiting*, but not for long if it had done any
 *   work; *given up* where this version of the program can do no more. When it is due for
 *   recycling: *replacing*.
 * - *replacing*: a successor loads and proves itself while the old process works. Ready, it takes
 *   jobs, and the old one takes no more, finishes and ends: *working*, without a gap. Failed: the
 *   old one keeps working, and a successor is tried later. Where memory does not hold both, the old
 *   one ends first, and the gap is reported.
 * - *stopping*, from any state: every process is ordered to finish and end. Then *stopped*.
 *
 * If a person has drained the process, its successors take no jobs either, until a person resumes
 * the slot.
 */
export class SlotSupervisor {
  readonly #options: SlotSupervisorOptions;
  readonly #backoff: RestartBackoff;
  readonly #stopping = new AbortController();
  /** Every process that has not ended yet. */
  readonly #children = new Set<WorkerChild>();
  #state: SlotState = "starting";
  /** The process that takes jobs, or is about to. */
  #current: WorkerChild | undefined;
  /** The watch over the current process, while it works. */
  #watch: WorkerWatch | undefined;
  #reason: string | undefined;
  #hasBeenReady = false;
  #failures = 0;
  #recycled = 0;
  #started = 0;
  #isDrained = false;
  /** No further successor is tried before this time, after one that failed. */
  #recycleNotBefore = 0;

  constructor(options: SlotSupervisorOptions) {
    this.#options = options;
    this.#backoff = new RestartBackoff(options.policy.backoff);
  }

  get status(): SlotStatus {
    const worker = this.#current;
    const isAtWork = this.#state === "working" || this.#state === "replacing";
    const healthy = worker !== undefined && !worker.isGone && isAtWork;
    return {
      name: this.#options.config.slot.name,
      kind: this.#options.config.slot.kind,
      state: this.#state,
      healthy,
      ...(!healthy && this.#reason !== undefined && { reason: this.#reason }),
      ...(worker?.pid !== undefined && { pid: worker.pid }),
      ...(worker?.device && { device: worker.device.label }),
      ...(worker?.stats && { stats: worker.stats }),
      ...(worker && { silentMs: worker.silentMs }),
      failures: this.#failures,
      recycled: this.#recycled,
    };
  }

  /** Works until it is stopped or gives up; resolves when every process has ended. */
  async run(): Promise<void> {
    let worker = await this.#startAnew();
    while (worker !== undefined && !this.#isStopping) {
      // If the successor failed, it is still the old process.
      this.#enter("working");
      const end = await this.#untilWatchEnds(worker);
      if (end === "stop") break;
      worker = end === "died" ? await this.#restart(worker) : await this.#recycle(worker, end);
    }
    await Promise.all([...this.#children].map(({ exited }) => exited));
    this.#enter("stopped");
  }

  /** Replaces the process that works now. Does nothing where none does. */
  recycle(): void {
    this.#watch?.recycle("asked for");
  }

  /** Lets every process finish and end. Called again, it may set a nearer deadline. */
  stop(deadlineMs: number): void {
    this.#enter("stopping");
    this.#stopping.abort();
    for (const child of this.#children) child.drain(deadlineMs);
  }

  /** Ends every process at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** The one place where the state changes. Given up is final; stopping only ends in stopped. */
  #enter(state: SlotState): void {
    const from = this.#state;
    if (from === state || from === "given up" || from === "stopped") return;
    if (from === "stopping" && state !== "stopped") return;
    this.#state = state;
    this.#options.onChange({ from, to: state });
  }

  /** Starts processes until one takes jobs. Undefined when the slot is stopped or given up. */
  async #startAnew(): Promise<WorkerChild | undefined> {
    while (!this.#isStopping) {
      this.#enter("starting");
      try {
        return this.#take(await this.#start());
      } catch (error) {
        if (this.#isStopping) break;
        const reason = textOf(error);
        this.#countFailure(reason);
        const failure = startFailureOf(error);
        if (this.#backoff.isExhausted || this.#isHopeless(failure)) {
          return this.#giveUp(reason, failure);
        }
        const retryInMs = this.#backoff.waitMs;
        this.#options.onEvent({ type: "failed", reason, retryInMs });
        await this.#wait(retryInMs);
      }
    }
    return undefined;
  }

  /**
   * What has worked here may work again, as when a network disk is back, unless the program is too
   * old.
   */
  #isHopeless(failure: StartFailure | undefined): boolean {
    if (failure?.ruledOut === "program") return true;
    return !this.#hasBeenReady && failure !== undefined && failure.ruledOut !== "attempt";
  }

  /** Starts a process, which is the current one as soon as it is ready. */
  async #start(): Promise<WorkerChild> {
    const { config, metrics, policy, startProcess } = this.#options;
    const child: WorkerChild = new WorkerChild({
      startProcess,
      config: { ...config, earlierProcesses: this.#started++ },
      onRecycle: () => {
        if (child === this.#current) this.recycle();
      },
      onDirected: (isTaking) => this.#direct(child, isTaking),
      onStats: () => {
        if (child === this.#current) this.#watch?.considerRecycling();
      },
      onMetrics: (snapshot) => metrics.update(child, snapshot),
      onShutdown: () => this.stop(config.orphanDeadlineMs),
      onSilence: () => void metrics.retire(child),
    });
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    if (!(await settlesWithin(child.ready, policy.startTimeoutMs))) child.kill();
    await child.ready;
    if (this.#isStopping) throw new Error("the slot is stopped");
    if (this.#isDrained) child.direct(false);
    this.#current = child;
    this.#hasBeenReady = true;
    this.#reason = undefined;
    return child;
  }

  #take(child: WorkerChild): WorkerChild {
    const { pid, device, startMs } = child;
    if (!this.#isStopping) child.take();
    this.#enter("working");
    this.#options.onEvent({ type: "ready", pid: pid!, device: device!.label, startMs });
    return child;
  }

  /** The request is for the slot: its other processes may be the ones that stay. */
  #direct(asked: WorkerChild, isTaking: boolean): void {
    this.#isDrained = !isTaking;
    for (const child of this.#children) if (child !== asked) child.direct(isTaking);
  }

  async #untilWatchEnds(worker: WorkerChild): Promise<WatchEnd> {
    const { policy, logger } = this.#options;
    const { signal } = this.#stopping;
    const recycleNotBefore = this.#recycleNotBefore;
    using watch = new WorkerWatch({ worker, policy, signal, recycleNotBefore, logger });
    this.#watch = watch;
    try {
      return await watch.end;
    } finally {
      this.#watch = undefined;
    }
  }

  /** After a death: at once where the process had worked. */
  async #restart(dead: WorkerChild): Promise<WorkerChild | undefined> {
    const exit = await dead.exited;
    const { failure } = dead;
    const reason = failure?.message ?? describeExit(exit);
    const hasWorked = (dead.stats?.tasks ?? 0) > 0 || performance.now() - dead.startedAt > provenMs;
    if (hasWorked) this.#backoff.succeeded();
    this.#countFailure(reason, hasWorked);
    this.#options.onEvent({ type: "died", pid: dead.pid!, reason });
    if (this.#backoff.isExhausted || this.#isHopeless(failure)) {
      return this.#giveUp(reason, failure);
    }
    await this.#wait(this.#backoff.waitMs);
    return await this.#startAnew();
  }

  /**
   * Resolves to the process that works afterwards: the successor, or the old one where it failed.
   */
  async #recycle(old: WorkerChild, reason: RecycleReason): Promise<WorkerChild | undefined> {
    this.#enter("replacing");
    const replaced = Promise.withResolvers<WorkerChild | undefined>();
    // The next slot's turn comes when the old process has left the memory.
    this.#options.turn
      .run(async () => {
        const successor = await this.#replace(old, reason);
        replaced.resolve(successor);
        if (successor !== old) await untilRetired({ old, policy: this.#options.policy });
      })
      .catch(replaced.reject);
    return await replaced.promise;
  }

  async #replace(old: WorkerChild, reason: RecycleReason): Promise<WorkerChild | undefined> {
    if (old.isGone || this.#isStopping) return old;
    const options = {
      old,
      policy: this.#options.policy,
      start: () => this.#start(),
      startAnew: () => this.#startAnew(),
      take: (successor: WorkerChild) => void this.#take(successor),
    };
    try {
      const isSideBySide = hasRoomForTwo(options);
      // The old process stops first: from now on nobody takes jobs.
      if (!isSideBySide) this.#current = undefined;
      const succeed = isSideBySide ? succeedSideBySide : succeedOneAfterTheOther;
      const { successor, gapMs } = await succeed(options);
      if (successor !== undefined) this.#countRecycled(successor, reason, gapMs);
      return successor;
    } catch (error) {
      if (!this.#isStopping) this.#postponeRecycling(textOf(error));
      return old;
    }
  }

  #countRecycled({ pid }: WorkerChild, reason: RecycleReason, gapMs: number): void {
    this.#recycled++;
    this.#recycleNotBefore = 0;
    this.#backoff.succeeded();
    this.#options.onEvent({ type: "recycled", reason, pid: pid!, gapMs });
  }

  #postponeRecycling(reason: string): void {
    this.#countFailure(reason);
    const retryInMs = Math.max(1000, this.#backoff.waitMs);
    this.#recycleNotBefore = performance.now() + retryInMs;
    this.#options.onEvent({ type: "failed", reason, retryInMs });
  }

  #countFailure(reason: string, hasWorked = false): void {
    this.#failures++;
    this.#reason = reason;
    if (!hasWorked) this.#backoff.failed();
  }

  #giveUp(reason: string, failure?: StartFailure): undefined {
    this.#enter("given up");
    this.#options.onEvent({ type: "given up", reason, failure });
  }

  async #wait(ms: number): Promise<void> {
    this.#enter("waiting");
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
