import type { CountedResult } from "../ledger/results/result-store.ts";

export interface DescribeCountsOptions {
  readonly source: string;
  /** How many objects make a photo one that may have more. */
  readonly maxDetections: number;
}

/** Describes what was counted on a photo, as `orangery run --json` prints it: see docs/cli.md. */
export function describeCounts(
  result: CountedResult,
  { source, maxDetections }: DescribeCountsOptions,
) {
  const countsOf = (region: number): Record<string, number> =>
    Object.fromEntries(
      result.counts
        .filter((count) => count.region === region)
        .map(({ name, count }) => [name, count]),
    );
  return {
    image: source,
    width: result.widthPx,
    height: result.heightPx,
    sha256: result.contentSha256,
    device: result.device,
    detections: result.objectCount,
    warnings: result.warnings.length > 0 ? result.warnings : undefined,
    reachedMaxDetections: result.objectCount >= maxDetections || undefined,
    counts: countsOf(0),
    regions:
      result.regionCount === undefined
        ? undefined
        : Array.from({ length: result.regionCount }, (_, i) => ({
            region: i + 1,
            name: result.regionNames?.[i],
            counts: countsOf(i + 1),
          })),
  };
}
