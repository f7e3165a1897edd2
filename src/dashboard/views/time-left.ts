/** How long the photos that are left will take. */
export interface TimeLeft {
  /** Photos a second, over the span that was looked at; 0 while nothing is left or known. */
  readonly perSecond: number;
  /** The least, the likely and the most, ms; undefined while too little is known. */
  readonly leftMs: readonly [least: number, likely: number, most: number] | undefined;
}

/** The span for the rate, and the number of its parts, whose variation gives the range. */
const spanMs = 15 * 60_000;
const parts = 10;
/** Fewer results say nothing about the differences. */
const fewest = 20;
/** The 97.5 % quantile of Student's t with 9 degrees of freedom. */
const student = 2.262;

/**
 * Estimates how long is left of the moments of the newest results. The span is divided into ten
 * parts; the range is the 95 % confidence interval of their mean rate. Without a result for long,
 * nothing is known.
 *
 * @param momentsMs Of the newest results, in any order.
 */
export function timeLeft(
  momentsMs: readonly number[],
  { left, nowMs }: { readonly left: number; readonly nowMs: number },
): TimeLeft {
  // Without new results the span would grow and the rate fall towards 0.
  if (left === 0) return { perSecond: 0, leftMs: undefined };
  const recent = momentsMs.filter((ms) => ms > nowMs - spanMs && ms <= nowMs);
  if (recent.length < 2) return { perSecond: 0, leftMs: undefined };
  const first = recent.reduce((a, b) => Math.min(a, b));
  const elapsedMs = nowMs - first;
  const perMs = (recent.length - 1) / elapsedMs;
  const result = { perSecond: 1000 * perMs };
  if (recent.length < fewest) return { ...result, leftMs: undefined };
  const counts = new Array<number>(parts).fill(0);
  for (const ms of recent) {
    const part = Math.min(parts - 1, Math.floor((parts * (ms - first)) / elapsedMs));
    counts[part]!++;
  }
  const mean = recent.length / parts;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (parts - 1);
  const margin = Math.min(0.95, (student * Math.sqrt(variance / parts)) / mean);
  return {
    ...result,
    leftMs: [left / (perMs * (1 + margin)), left / perMs, left / (perMs * (1 - margin))],
  };
}
