import type { StoredResult } from "../ledger/results/stored-results.ts";
import { isDrawn, type Region } from "../vision/region.ts";

/** Returns what a region is called on pages: the name that a person gave it, or its number. */
export function titleOfRegion(region: Region): string {
  return isDrawn(region) ? region.name : String(region.number);
}

/** The number of objects of all classes that were counted in a region. */
export function countInRegion({ counts }: Pick<StoredResult, "counts">, number: number): number {
  let sum = 0;
  for (const { region, count } of counts) if (region === number) sum += count;
  return sum;
}
