import type { Value } from "../../graph-builder.ts";

/**
 * A value of the graph that is a map of features, and its size for one picture. Where the input's
 * size is free, the size is that for a nominal picture.
 */
export interface FeatureMap {
  readonly value: Value;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/** One map or more, as a module reads them. */
export type FeatureMaps = readonly [FeatureMap, ...FeatureMap[]];

export function describeMap({ channels, rows, columns }: FeatureMap): string {
  return `${channels} channels of ${rows}×${columns}`;
}

/** The number of a map's numbers. */
export function mapElements({ channels, rows, columns }: FeatureMap): number {
  return channels * rows * columns;
}
