import { Mask } from "./mask.ts";
import type { RingedShape } from "./pixel-outline.ts";
import { fillColumns } from "./run-lengths.ts";

/**
 * Makes a mask of the pixels whose centres lie inside any of the shapes; the inverse of
 * `outlineMask`. In a shape, what lies inside an even number of its rings is outside: holes, and
 * where an outline crosses itself. Rings may be open or closed. What lies beyond the picture is cut
 * off.
 */
export function fillRings(
  shapes: readonly RingedShape[],
  [widthPx, heightPx]: readonly [number, number],
): Mask {
  const columns: [number, number][][] = Array.from({ length: widthPx }, () => []);
  for (const shape of shapes) addShape(shape, columns);
  return new Mask({ widthPx, heightPx, counts: fillColumns(columns, heightPx) });
}

function addShape(shape: RingedShape, columns: [number, number][][]): void {
  /** Where the outlines cross the middle of each column. */
  const crossings = new Map<number, number[]>();
  for (const ring of shape) {
    for (const [i, [x1, y1]] of ring.entries()) {
      const [x2, y2] = ring[(i + 1) % ring.length]!;
      const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)];
      const last = Math.min(columns.length, Math.ceil(right - 0.5));
      for (let x = Math.max(0, Math.ceil(left - 0.5)); x < last; x++) {
        const y = y1 + ((x + 0.5 - x1) * (y2 - y1)) / (x2 - x1);
        const column = crossings.get(x);
        if (column === undefined) crossings.set(x, [y]);
        else column.push(y);
      }
    }
  }
  for (const [x, ys] of crossings) {
    ys.sort((a, b) => a - b);
    // The centre of the pixel y is at y + 0.5.
    const pixels = ys.map((y) => Math.ceil(y - 0.5));
    for (let i = 0; i + 1 < pixels.length; i += 2) columns[x]!.push([pixels[i]!, pixels[i + 1]!]);
  }
}
