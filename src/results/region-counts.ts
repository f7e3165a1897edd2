import type { StoredResult } from "../ledger/results/stored-results.ts";

/** The number of objects of all classes that were counted in a region. */
export function countInRegion({ counts }: Pick<StoredResult, "counts">, number: number): number {
  let sum = 0;
  for (const { region, count } of counts) if (region === number) sum += count;
  return sum;
}
