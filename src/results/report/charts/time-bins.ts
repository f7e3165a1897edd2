import { type Bin, toBins } from "./histogram.ts";

const [second, minute, hour, day] = [1e3, 6e4, 36e5, 864e5];

/** Widths that people know from clocks and calendars, ms. */
const widths = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 30].map((n) => n * second),
  ...[1, 2, 5, 10, 30].map((n) => n * minute),
  ...[1, 2, 6, 12].map((n) => n * hour),
  ...[1, 7, 28, 364, 3640].map((n) => n * day),
];

/** With fewer in a bin on average, bins would show noise. */
const leastPerBin = 3;

/**
 * Counts moments in bins of equal width, as narrow as fits into `maxBins` and makes sense.
 *
 * @param momentsMs In order, ms since 1970.
 */
export function binMoments(momentsMs: Float64Array, maxBins: number): Bin[] {
  if (momentsMs.length === 0) return [];
  const [min, max] = [momentsMs[0]!, momentsMs.at(-1)!];
  const binsOf = (width: number) => Math.floor(max / width) - Math.floor(min / width) + 1;
  const most = Math.min(maxBins, Math.max(4, momentsMs.length / leastPerBin));
  const width = widths.find((width) => binsOf(width) <= most) ?? widths.at(-1)!;
  const first = Math.floor(min / width);
  const counts = new Array<number>(binsOf(width)).fill(0);
  for (const moment of momentsMs) counts[Math.floor(moment / width) - first]!++;
  return toBins(counts, first, width);
}

/** A longer time without a result is a pause between two runs, not slowness. */
const pauseMs = 5 * minute;

/** A lower rate is shown by the minute. */
export const slowPerSecond = 0.5;

/**
 * The rate while work went on, without pauses. Undefined when there are too few moments.
 *
 * @param momentsMs In order, ms since 1970.
 */
export function ratePerSecond(momentsMs: Float64Array): number | undefined {
  const steps = workSteps(momentsMs);
  const elapsedMs = steps.reduce((sum, step) => sum + step, 0);
  return elapsedMs > 0 ? (1000 * steps.length) / elapsedMs : undefined;
}

/** The time from the first moment to the last, without pauses. */
export function workingMs(momentsMs: Float64Array): number {
  return workSteps(momentsMs).reduce((sum, step) => sum + step, 0);
}

/** The times from each moment to the next, without pauses. */
function workSteps(momentsMs: Float64Array): Float64Array {
  return momentsMs
    .subarray(1)
    .map((moment, i) => moment - momentsMs[i]!)
    .filter((step) => step <= pauseMs);
}
