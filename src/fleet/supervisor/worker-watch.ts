import { addAbortListener } from "node:events";
import type { Logger } from "../../logger.ts";
import type { SlotPolicy } from "./slot-policy.ts";
import type { RecycleReason } from "./slot-status.ts";
import type { WorkerChild } from "./worker-child.ts";

export interface WorkerWatchOptions {
  readonly worker: WorkerChild;
  readonly policy: SlotPolicy;
  /** Ends the watch with `stop`. */
  readonly signal: AbortSignal;
  /** No automatic recycling before this time, by `performance.now()`. */
  readonly recycleNotBefore: number;
  readonly logger: Logger;
}

/** Why a watch ended. */
export type WatchEnd = "died" | "stop" | RecycleReason;

const defaultGrowthBytesPerTask = 65_536;

/** Node's longest timer. */
const longestTimerMs = 2 ** 31 - 1;

/** Watches a working process until it dies, has to stop, or is due for recycling. */
export class WorkerWatch implements Disposable {
  readonly end: Promise<WatchEnd>;
  readonly #ended = Promise.withResolvers<WatchEnd>();
  readonly #options: WorkerWatchOptions;
  readonly #stack = new DisposableStack();

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
    this.end = this.#ended.promise;
    const { worker, policy, signal, recycleNotBefore } = options;
    void worker.exited.then(() => this.#ended.resolve("died"));
    this.#stack.use(addAbortListener(signal, () => this.#ended.resolve("stop")));
    const { ageMs } = policy.recycle;
    if (ageMs !== undefined) {
      const dueAt = Math.max(worker.startedAt + ageMs, recycleNotBefore);
      const waitMs = Math.min(longestTimerMs, Math.max(0, dueAt - performance.now()));
      const timer = setTimeout(() => this.recycle("age"), waitMs);
      this.#stack.defer(() => clearTimeout(timer));
    }
    const hanging = setInterval(() => this.#killHanging(), policy.unresponsiveMs / 4);
    this.#stack.defer(() => clearInterval(hanging));
    this.considerRecycling();
  }

  recycle(reason: RecycleReason): void {
    this.#ended.resolve(reason);
  }

  /** To be called when the process has reported. */
  considerRecycling(): void {
    const { worker, policy, recycleNotBefore } = this.#options;
    const { stats } = worker;
    if (stats === undefined || performance.now() < recycleNotBefore) return;
    const { tasks, growthBytesPerTask = defaultGrowthBytesPerTask } = policy.recycle;
    if (stats.growthBytesPerTask > growthBytesPerTask) this.recycle("memory growth");
    else if (tasks !== undefined && stats.tasks >= tasks) this.recycle("tasks");
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }

  #killHanging(): void {
    const { worker, policy, logger } = this.#options;
    const { pid, silentMs, stats } = worker;
    const inferenceMs = stats?.inferenceMs ?? 0;
    if (Math.max(silentMs, inferenceMs) < policy.unresponsiveMs) return;
    logger.error({ pid, silentMs, inferenceMs }, "a worker process hangs and is killed");
    worker.kill();
  }
}
