import type { StoredResult } from "../ledger/results/stored-results.ts";

/** How many objects of all classes were counted in the region of that number. */
export function countInRegion({ counts }: Pick<StoredResult, "counts">, number: number): number {
  let sum = 0;
  for (const { region, count } of counts) if (region === number) sum += count;
  return sum;
}
