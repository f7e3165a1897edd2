import type { ObjectCount } from "../../ledger/results/result-rows.ts";
import type { Detections } from "../../vision/detections.ts";
import type { Mask } from "../../vision/masks/mask.ts";
import type { Region } from "../../vision/region.ts";

/**
 * Counts objects by name, on the whole photo (region 0) and in every region (1…n, in the order
 * given). An object is in the first region whose mask holds the centre of its box. With regions,
 * what is in none of them is not counted at all. Every region has a row for every name that was
 * counted on the photo, also when it is 0.
 */
export function countObjects(objects: Detections, regions?: Detections): ObjectCount[] {
  if (regions === undefined) return countInRegions(objects);
  const places = findPlaces(objects, regions.masks ?? []);
  return countInRegions(objects, { places, regionCount: regions.length });
}

/** The same, where the number of each object's region is known; 0 is none. */
export function countInRegions(
  objects: Detections,
  regions?: { readonly places: Int32Array; readonly regionCount: number },
): ObjectCount[] {
  const { places, regionCount = 0 } = regions ?? {};
  const byRegion = Array.from({ length: 1 + regionCount }, () => new Map<number, number>());
  const add = (region: number, classId: number) =>
    byRegion[region]!.set(classId, (byRegion[region]!.get(classId) ?? 0) + 1);
  for (const [index, classId] of objects.classIds.entries()) {
    const region = places?.[index];
    if (region === 0) continue;
    add(0, classId);
    if (region !== undefined) add(region, classId);
  }
  const classIds = [...byRegion[0]!.keys()].sort((a, b) => a - b);
  // Two classes may have one name.
  const names = [...new Set(classIds.map((classId) => objects.nameOf(classId)))];
  return byRegion.flatMap((counts, region) =>
    names.map((name) => ({
      region,
      name,
      count: classIds
        .filter((classId) => objects.nameOf(classId) === name)
        .reduce((sum, classId) => sum + (counts.get(classId) ?? 0), 0),
    })),
  );
}

/**
 * For each object the number of the first mask, from 1, that holds the centre of its box; 0 for
 * none.
 */
export function findPlaces(objects: Detections, masks: readonly Mask[]): Int32Array {
  return Int32Array.from(objects, ({ boxXyxy: [x1, y1, x2, y2] }) => {
    return 1 + masks.findIndex((mask) => mask.contains((x1 + x2) / 2, (y1 + y2) / 2));
  });
}

/** Regions numbered in the order given. */
export function toRegions(detections: Detections): Region[] {
  return Array.from(detections, ({ mask, ...detection }, index) => ({
    number: 1 + index,
    ...detection,
    areaPx: mask!.areaPx,
    mask: mask!,
  }));
}

/**
 * Orders regions as one reads: rows from top to bottom, in a row from left to right. A region
 * belongs to a row when its centre is at the height of the row's highest region. Scores would
 * number the same regions differently from photo to photo.
 */
export function inReadingOrder(regions: Detections): Detections {
  const places = Array.from(regions, ({ boxXyxy: [x1, y1, x2, y2] }, index) => ({
    index,
    x: (x1 + x2) / 2,
    y: (y1 + y2) / 2,
    top: y1,
    bottom: y2,
  })).sort((a, b) => a.top - b.top || a.x - b.x);

  const order: number[] = [];
  while (places.length > 0) {
    const { top, bottom } = places[0]!;
    const isInRow = ({ y }: { y: number }) => y >= top && y <= bottom;
    const row = places.filter((place, rank) => rank === 0 || isInRow(place));
    order.push(...row.sort((a, b) => a.x - b.x).map(({ index }) => index));
    const rest = places.filter((place) => !row.includes(place));
    places.splice(0, places.length, ...rest);
  }
  return regions.select(order);
}
