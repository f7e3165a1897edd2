import { type RecipeTotals, readTotalsPart } from "../../ledger/browse/progress.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { lastIdOf } from "../../ledger/parts.ts";
import { PartsWalk } from "./parts-walk.ts";

/** Sums up all photos of a recipe. */
export function walkTotals(
  ledger: Ledger,
  recipeId: number,
  signal: AbortSignal,
): PartsWalk<RecipeTotals> {
  return new PartsWalk({
    signal,
    lastId: () => ledger.read((db) => lastIdOf(db, "entry"), { signal }),
    begin: () => {
      const [names, codes, warnings] = Array.from({ length: 3 }, () => new Map<string, number>());
      return {
        async add(fromId, toId) {
          const part = await readTotalsPart(ledger, { recipeId, fromId, toId, signal });
          addTo(names!, part.countByName);
          addTo(codes!, part.failedByCode);
          addTo(warnings!, part.warnings);
        },
        total: () => ({
          objectCount: [...names!.values()].reduce((sum, count) => sum + count, 0),
          countByName: new Map([...names!].sort(([a], [b]) => (a < b ? -1 : 1))),
          failedByCode: new Map([...codes!].sort(([, a], [, b]) => b - a)),
          warnings: warnings!,
        }),
      };
    },
  });
}

function addTo(sums: Map<string, number>, part: ReadonlyMap<string, number>): void {
  for (const [key, count] of part) sums.set(key, (sums.get(key) ?? 0) + count);
}
