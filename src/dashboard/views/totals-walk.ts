import { setTimeout } from "node:timers/promises";
import {
  type RecipeTotals,
  readLastEntryId,
  readTotalsPart,
} from "../../ledger/browse/progress.ts";
import type { Ledger } from "../../ledger/ledger.ts";

/** The entries of a part: more where they are quick, fewer where they are slow. */
const size = { first: 5000, least: 500, most: 50_000, quickMs: 20, slowMs: 60 };
/** The pause after a part, in parts: a walk takes a tenth of the time at most. */
const rest = 9;

/** Totals, and when they were complete. */
export interface DatedTotals extends RecipeTotals {
  readonly atMs: number;
}

/**
 * Sums up all photos of a recipe, part by part with pauses, so that no query is long and a run
 * beside it hardly notices. The totals of the last complete walk are kept.
 */
export class TotalsWalk {
  readonly #ledger: Ledger;
  readonly #recipeId: number;
  readonly #signal: AbortSignal;
  #walking: Promise<void> | undefined;
  #last: DatedTotals | undefined;

  constructor(ledger: Ledger, recipeId: number, signal: AbortSignal) {
    this.#ledger = ledger;
    this.#recipeId = recipeId;
    this.#signal = signal;
  }

  /** Returns the newest totals there are, and begins to make newer ones. */
  async totals(): Promise<DatedTotals | undefined> {
    this.#walking ??= this.#walk().finally(() => {
      this.#walking = undefined;
    });
    const walking = this.#walking.catch((error: unknown) => {
      if (!this.#signal.aborted) throw error;
    });
    // The first walk of few photos is worth waiting for.
    if (this.#last === undefined) await Promise.race([walking, pause(150, this.#signal)]);
    else walking.catch(() => {});
    return this.#last;
  }

  async #walk(): Promise<void> {
    const [ledger, signal, recipeId] = [this.#ledger, this.#signal, this.#recipeId];
    const lastId = await readLastEntryId(ledger, { signal });
    const [names, codes, warnings] = Array.from({ length: 3 }, () => new Map<string, number>());
    for (let [fromId, parts]: [number, number] = [1, size.first]; fromId <= lastId; ) {
      const startedAtMs = performance.now();
      const part = await readTotalsPart(ledger, {
        recipeId,
        fromId,
        toId: fromId + parts,
        signal,
      });
      addTo(names!, part.countByName);
      addTo(codes!, part.failedByCode);
      addTo(warnings!, part.warnings);
      fromId += parts;
      const ms = performance.now() - startedAtMs;
      if (ms < size.quickMs) parts = Math.min(size.most, 2 * parts);
      else if (ms > size.slowMs) parts = Math.max(size.least, parts >> 1);
      if (fromId <= lastId) await pause(rest * ms, signal);
    }
    this.#last = {
      atMs: Date.now(),
      objectCount: [...names!.values()].reduce((sum, count) => sum + count, 0),
      countByName: new Map([...names!].sort(([a], [b]) => (a < b ? -1 : 1))),
      failedByCode: new Map([...codes!].sort(([, a], [, b]) => b - a)),
      warnings: warnings!,
    };
  }
}

function addTo(sums: Map<string, number>, part: ReadonlyMap<string, number>): void {
  for (const [key, count] of part) sums.set(key, (sums.get(key) ?? 0) + count);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => {});
}
