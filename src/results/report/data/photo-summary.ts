import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { coveredPx } from "../../mask-areas.ts";
import { countInRegion, titleOfRegion } from "../../region-counts.ts";
import type { PhotoScale, ScaleOf } from "../../scale/photo-scale.ts";

/** A region as the report's tables show it. */
export interface RegionSummary {
  readonly number: number;
  readonly name: string;
  /** The name that a person gave it, or its number. */
  readonly title: string;
  readonly areaPx: number;
  readonly count: number;
}

/** A photo as the report's tables show it. */
export interface PhotoSummary {
  readonly source: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly countByName: ReadonlyMap<string, number>;
  readonly objectCount: number;
  /** Undefined without a segmenter. */
  readonly regions: readonly RegionSummary[] | undefined;
  /** Undefined where nothing was found. */
  readonly meanScore: number | undefined;
  readonly lowestScore: number | undefined;
  /** The pixels that the objects cover together; undefined where they have no masks. */
  readonly coveredPx: number | undefined;
  /** Undefined where it is not known. */
  readonly scale: PhotoScale | undefined;
}

export function summarisePhoto(result: StoredResult, scaleOf: ScaleOf): PhotoSummary {
  const { source, widthPx, heightPx, objects, regions } = result;
  const { scores } = objects;
  const scoreSum = scores.reduce((sum, score) => sum + score, 0);
  return {
    source,
    widthPx,
    heightPx,
    countByName: objects.countByName(),
    objectCount: objects.length,
    regions: regions?.map((region) => {
      const { number, name, areaPx } = region;
      const count = countInRegion(result, number);
      return { number, name, title: titleOfRegion(region), areaPx, count };
    }),
    meanScore: scores.length === 0 ? undefined : scoreSum / scores.length,
    // Best first.
    lowestScore: scores.at(-1),
    coveredPx: coveredPx(objects),
    scale: scaleOf(result),
  };
}
