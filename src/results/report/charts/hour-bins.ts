import type { NamedTotals } from "../../totals/capture-totals.ts";
import { type Bin, toBins } from "./histogram.ts";

const hourMs = 36e5;
const dayHours = 24;

/** Widths that people know from clocks and calendars, in hours. */
const widths = [
  ...[1, 2, 6, 12].map((hours) => [hours, hours === 1 ? "an hour" : `${hours} hours`] as const),
  [dayHours, "a day"],
  [7 * dayHours, "a week"],
  [28 * dayHours, "four weeks"],
  [364 * dayHours, "52 weeks"],
  [3640 * dayHours, "520 weeks"],
] as const;

/** The objects of the photos that were taken in intervals of equal width. */
export interface HourBins {
  readonly bins: readonly Bin[];
  readonly nameOf: (value: number) => string;
  /** The width in words. */
  readonly width: string;
}

/**
 * Adds up objects by when their photos were taken, in as narrow bins as fit: hours where all were
 * taken within two days, otherwise days or more.
 *
 * @param hours Known hours in order, at least one.
 */
export function binHours(hours: readonly NamedTotals[], maxBins: number): HourBins {
  const numbers = hours.map(({ name }) => Date.parse(`${name}:00:00Z`) / hourMs);
  const [first, last] = [numbers[0]!, numbers.at(-1)!];
  const binsOf = (width: number) => Math.floor(last / width) - Math.floor(first / width) + 1;
  const least = last - first < 2 * dayHours ? 1 : dayHours;
  const fitting = widths.find(([width]) => width >= least && binsOf(width) <= maxBins);
  const [width, words] = fitting ?? widths.at(-1)!;
  const start = Math.floor(first / width);
  const counts = new Array<number>(binsOf(width)).fill(0);
  for (const [i, { totals }] of hours.entries()) {
    counts[Math.floor(numbers[i]! / width) - start]! += totals.objects;
  }
  const nameOf = (hour: number) => {
    const iso = new Date(hour * hourMs).toISOString();
    return width >= dayHours ? iso.slice(0, 10) : `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
  };
  return { bins: toBins(counts, start, width), nameOf, width: words };
}
