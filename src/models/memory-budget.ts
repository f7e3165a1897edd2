import type { CachedModel } from "./cached-model.ts";

export interface MemoryBudgetOptions {
  /** The most that all models may take together. */
  readonly budgetBytes: number;
  /** A model used within this time would soon be loaded again: it is not evicted. */
  readonly thrashWindowMs: number;
}

export interface Eviction {
  /** Least recently used first. */
  readonly evict: readonly CachedModel[];
  /** Bytes that remain above the budget after that. */
  readonly overBytes: number;
  /** Names of idle models that stay although they are over the budget, lest they thrash. */
  readonly spared: readonly string[];
}

/**
 * Chooses which models must go so that `models` and `neededBytes` more fit into the budget: the
 * least recently used that nobody uses or has pinned.
 */
export function chooseEvictions(
  models: readonly CachedModel[],
  neededBytes: number,
  { budgetBytes, thrashWindowMs }: MemoryBudgetOptions,
): Eviction {
  const bytesOf = (model: CachedModel) => model.outcome?.bytes ?? 0;
  let over = models.reduce((sum, model) => sum + bytesOf(model), neededBytes) - budgetBytes;
  const now = performance.now();
  const evict: CachedModel[] = [];
  const spared: string[] = [];
  const idle = models
    .filter((model) => model.state === "ready" && model.users === 0 && !model.pinned)
    .toSorted((a, b) => a.lastUseAtMs - b.lastUseAtMs);
  for (const model of idle) {
    if (over <= 0) break;
    if (now - model.lastUseAtMs < thrashWindowMs) {
      spared.push(model.name);
    } else {
      evict.push(model);
      over -= bytesOf(model);
    }
  }
  return { evict, overBytes: Math.max(0, over), spared };
}
