import type { ObjectCount } from "../ledger/result-rows.ts";
import type { Detections } from "../vision/detections.ts";

/**
 * Counts objects by name, on the whole photo (bed 0) and in every bed (1…n, in the order given).
 * An object is in the first bed whose mask holds the centre of its box; one outside all beds counts
 * for the photo only. Every bed has a row for every name that is on the photo, also when it is 0.
 */
export function countObjects(objects: Detections, beds?: Detections): ObjectCount[] {
  const names = [...objects.countByName().keys()];
  const countsByBed = Array.from(
    { length: 1 + (beds?.length ?? 0) },
    () => new Map<string, number>(),
  );
  const add = (bed: number, name: string) =>
    countsByBed[bed]!.set(name, (countsByBed[bed]!.get(name) ?? 0) + 1);

  for (const { name, boxXyxy } of objects) {
    add(0, name);
    const [x1, y1, x2, y2] = boxXyxy;
    const bed = beds?.masks?.findIndex((mask) => mask.contains((x1 + x2) / 2, (y1 + y2) / 2)) ?? -1;
    if (bed >= 0) add(1 + bed, name);
  }
  return countsByBed.flatMap((counts, bed) =>
    names.map((name) => ({ bed, name, count: counts.get(name) ?? 0 })),
  );
}

/**
 * Orders beds as one reads: rows from top to bottom, in a row from left to right. A bed belongs to a
 * row when its centre is at the height of the row's highest bed. Scores would number the same beds
 * differently from photo to photo.
 */
export function inReadingOrder(beds: Detections): Detections {
  const places = Array.from(beds, ({ boxXyxy: [x1, y1, x2, y2] }, index) => ({
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
  return beds.select(order);
}
