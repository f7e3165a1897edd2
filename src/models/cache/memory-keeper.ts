import type { Logger } from "../../logger.ts";
import { trimProcessHeap } from "../../native/process-heap.ts";
import { type MemoryReading, readMemory } from "../devices/memory-reading.ts";
import type { CacheEvents } from "./cache-events.ts";
import type { CachedModel } from "./cached-model.ts";
import { chooseEvictions } from "./memory-budget.ts";

export interface MemoryKeeperOptions {
  /** Every model of the cache that is not released. */
  readonly models: () => readonly CachedModel[];
  readonly events: CacheEvents;
  readonly memoryBudgetBytes: number;
  readonly thrashWindowMs: number;
  readonly expireAfterMs?: number | undefined;
  readonly trimEvery: number;
  readonly logEvery: number;
  readonly logger: Logger;
}

/**
 * Keeps the memory of a cache's models in bounds: by the budget whenever one is loaded, by expiry
 * when nobody uses them, by trimming as tasks go by. Reports memory as tasks go by, too.
 */
export class MemoryKeeper implements Disposable {
  readonly #options: MemoryKeeperOptions;
  readonly #expiry: NodeJS.Timeout | undefined;
  #tasks = 0;

  constructor(options: MemoryKeeperOptions) {
    this.#options = options;
    const { expireAfterMs } = options;
    if (expireAfterMs !== undefined) {
      const periodMs = Math.min(Math.max(10, expireAfterMs / 4), 60_000);
      this.#expiry = setInterval(() => this.#expire(expireAfterMs), periodMs).unref();
    }
  }

  /** Tasks that were counted. */
  get tasks(): number {
    return this.#tasks;
  }

  read(): MemoryReading {
    const devices = this.#options.models().flatMap(({ outcome }) => outcome?.model.device ?? []);
    return readMemory(devices);
  }

  /** Evicts what must go for the loaded models and `neededBytes` more to fit into the budget. */
  makeRoom(neededBytes: number): void {
    const { memoryBudgetBytes: budgetBytes, thrashWindowMs, events, logger } = this.#options;
    const { evict, overBytes, spared } = chooseEvictions(this.#options.models(), neededBytes, {
      budgetBytes,
      thrashWindowMs,
    });
    for (const cached of evict) cached.retire("evict");
    if (overBytes === 0) return;
    const bytes = budgetBytes + overBytes;
    events.emit("memory:over-budget", { bytes, budgetBytes, spared: [...spared] });
    logger.warn(
      { bytes, memoryBudgetBytes: budgetBytes, spared },
      "models take more than the memory budget, and none that is idle has been so for long",
    );
  }

  /** Counts a finished task; see `ModelCache.taskDone`. */
  async taskDone(): Promise<void> {
    const { trimEvery, logEvery, events, logger } = this.#options;
    this.#tasks++;
    const tasks = this.#tasks;
    if (tasks % logEvery === 0) {
      const memory = this.read();
      logger.debug({ tasks, memory }, "memory");
      events.emit("memory:report", { tasks, memory });
    }
    if (tasks % trimEvery === 0) await this.#trim(tasks);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#expiry);
  }

  #expire(expireAfterMs: number): void {
    const now = performance.now();
    for (const cached of this.#options.models()) {
      if (cached.idle && now - cached.lastUseAtMs >= expireAfterMs) cached.retire("expire");
    }
  }

  /** Models that were in use when the budget was looked at last may go by now. */
  async #trim(tasks: number): Promise<void> {
    const { models, events, logger } = this.#options;
    const before = this.read();
    this.makeRoom(0);
    const ready = models().filter(({ state }) => state === "ready");
    for (const { name, outcome } of ready) {
      try {
        await outcome!.model.trimMemory();
      } catch (err) {
        logger.warn({ name, err }, "memory could not be given back");
      }
    }
    await trimProcessHeap();
    const after = this.read();
    logger.debug({ tasks, before, after }, "memory given back");
    events.emit("memory:trim", { tasks, models: ready.length, before, after });
  }
}
