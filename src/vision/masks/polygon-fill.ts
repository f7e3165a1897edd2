import { fillColumns } from "./run-lengths.ts";

/** A closed outline; its points are pixels: [x, y] with x from the left, y from the top. */
export type Polygon = readonly (readonly [number, number])[];

/** Smaller distances are rounding errors of a crossing, px. */
const epsilon = 1e-9;

/**
 * Fills polygons: the pixels inside (even-odd) or on the outline of any of them, as COCO's counts.
 * Points outside the picture are allowed, and cut off.
 *
 * A column's pixels are those of the limits from its left and from its right, which together are
 * the closed shape, plus its upright edges.
 */
export function fillPolygons(
  polygons: readonly Polygon[],
  [width, height]: readonly [number, number],
): Uint32Array {
  const columns: [number, number][][] = Array.from({ length: width }, () => []);
  for (const polygon of polygons) addPolygon(polygon, columns);
  return fillColumns(columns, height);
}

/** The pixels from a crossing to another, both included. */
function pixelsBetween(from: number, to: number): [number, number] {
  return [Math.ceil(from - epsilon), Math.floor(to + epsilon) + 1];
}

function addPolygon(polygon: Polygon, columns: [number, number][][]): void {
  /** The crossings of the outline with each column's line, as limits from its left and right. */
  const fromLeft: number[][] = columns.map(() => []);
  const fromRight: number[][] = columns.map(() => []);
  for (const [i, [x1, y1]] of polygon.entries()) {
    const [x2, y2] = polygon[(i + 1) % polygon.length]!;
    if (x1 === x2) {
      columns[x1]?.push(pixelsBetween(Math.min(y1, y2), Math.max(y1, y2)));
      continue;
    }
    const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)];
    for (let x = Math.max(0, Math.ceil(left)); x <= right && x < columns.length; x++) {
      const y = y1 + ((x - x1) * (y2 - y1)) / (x2 - x1);
      if (x > left) fromLeft[x]!.push(y);
      if (x < right) fromRight[x]!.push(y);
    }
  }
  for (const [x, intervals] of columns.entries()) {
    for (const crossings of [fromLeft[x]!, fromRight[x]!]) {
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        intervals.push(pixelsBetween(crossings[i]!, crossings[i + 1]!));
      }
    }
  }
}
