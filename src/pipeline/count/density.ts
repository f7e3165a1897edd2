import type { ObjectCount, PhotoResult } from "../../ledger/results/result-rows.ts";

/** How many objects of one name there are, and how close together. */
export interface ObjectDensity extends ObjectCount {
  /** Pixels of the photo for region 0, otherwise of the region's mask. */
  readonly areaPx: number;
  /** Objects per million pixels of that area; undefined where there is no area. */
  readonly perMegapixel: number | undefined;
}

/** The counts of a photo with their areas: region 0 is on the whole photo. */
export function objectDensities({
  widthPx,
  heightPx,
  regions = [],
  counts,
}: Pick<PhotoResult, "widthPx" | "heightPx" | "regions" | "counts">): ObjectDensity[] {
  const areas = new Map([[0, widthPx * heightPx]]);
  for (const { number, areaPx } of regions) areas.set(number, areaPx);
  return counts.map((count) => {
    const areaPx = areas.get(count.region) ?? 0;
    return { ...count, areaPx, perMegapixel: perMegapixel(count.count, areaPx) };
  });
}

/** Objects per million pixels of an area; undefined where there is no area. */
export function perMegapixel(count: number, areaPx: number): number | undefined {
  return areaPx > 0 ? (1e6 * count) / areaPx : undefined;
}
