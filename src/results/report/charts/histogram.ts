/** The number of values from `from` on and below `to`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Steps that people count in: 1, 2, 5, 10 and so on. */
function niceSteps(): number[] {
  return Array.from({ length: 10 }, (_, power) =>
    [1, 2, 5].map((step) => step * 10 ** power),
  ).flat();
}

/** With fewer, a bar would be as wide as the chart. Empty neighbours show its place. */
const minBins = 5;

/**
 * Counts whole numbers from 0 on in bins of equal width, as narrow as fits into `maxBins`: the
 * width is 1, 2, 5, 10 and so on, and bins start at its multiples.
 *
 * @param occurrences How often each number occurs.
 */
export function binCounts(occurrences: ReadonlyMap<number, number>, maxBins: number): Bin[] {
  if (occurrences.size === 0) return [];
  let [min, max] = [Infinity, -Infinity];
  for (const value of occurrences.keys()) [min, max] = [Math.min(min, value), Math.max(max, value)];
  const binsOf = (width: number) => Math.floor(max / width) - Math.floor(min / width) + 1;
  const width = niceSteps().find((step) => binsOf(step) <= maxBins)!;
  const spare = Math.max(0, minBins - binsOf(width));
  const first = Math.max(0, Math.floor(min / width) - Math.floor(spare / 2));
  const counts = new Array<number>(binsOf(width) + spare).fill(0);
  for (const [value, times] of occurrences) counts[Math.floor(value / width) - first]! += times;
  return toBins(counts, first, width);
}

/** Makes bins of one width, of which the first is bin `first` from 0 on. */
export function toBins(counts: readonly number[], first: number, width: number): Bin[] {
  return counts.map((count, i) => ({
    from: (first + i) * width,
    to: (first + i + 1) * width,
    count,
  }));
}

/**
 * The least of 1, 2, 4, 6 or 8 times a power of ten that is not below `value`, which is above 0.
 */
export function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((step) => step >= value / power - 1e-9)!;
  return power < 1 ? step / Math.round(1 / power) : step * power;
}
