import type { CachedModel } from "./cached-model.ts";

export interface MemoryBudgetOptions {
  /** The most that all models may take together. */
  readonly budgetBytes: number;
  /** A model used within this time is not evicted, since it would soon be loaded again. */
  readonly thrashWindowMs: number;
}

export interface Eviction {
  /** Least recently used first. */
  readonly evict: readonly CachedModel[];
  /** Bytes that remain above the budget after that. */
  readonly overBytes: number;
  /** Names of idle models that stay although they are over the budget: they would thrash. */
  readonly spared: readonly string[];
}

/**
 * Chooses which models must go so that `models` and `neededBytes` more fit into the budget: the
 * least recently used that nobody uses or has pinned.
 *
 * Models of several workers may share one session. Its memory counts once and is free when the last
 * of them goes, so they stay or go together.
 */
export function chooseEvictions(
  models: readonly CachedModel[],
  neededBytes: number,
  { budgetBytes, thrashWindowMs }: MemoryBudgetOptions,
): Eviction {
  const sessions = readSessions(models);
  let over = sessions.reduce((sum, { bytes }) => sum + bytes, neededBytes) - budgetBytes;
  const now = performance.now();
  const evict: CachedModel[] = [];
  const spared = new Set<string>();
  const idle = sessions
    .filter(({ sharers }) => sharers.every((model) => model.idle))
    .sort((a, b) => a.lastUseAtMs - b.lastUseAtMs);
  for (const { sharers, bytes, lastUseAtMs } of idle) {
    if (over <= 0) break;
    if (now - lastUseAtMs < thrashWindowMs) {
      for (const { name } of sharers) spared.add(name);
    } else {
      evict.push(...sharers);
      over -= bytes;
    }
  }
  return { evict, overBytes: Math.max(0, over), spared: [...spared] };
}

/** Loaded models by the session that they share; models that still load have none yet. */
function readSessions(models: readonly CachedModel[]) {
  const loaded = models.filter((model) => model.outcome !== undefined);
  const sessions = Map.groupBy(loaded, (model) => model.outcome!.sessionKey);
  return [...sessions.values()].map((sharers) => ({
    sharers,
    bytes: Math.max(...sharers.map((model) => model.outcome!.sessionBytes)),
    lastUseAtMs: Math.max(...sharers.map((model) => model.lastUseAtMs)),
  }));
}
