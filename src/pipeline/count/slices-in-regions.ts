import type { Mask } from "../../vision/masks/mask.ts";
import type { Slice } from "../../vision/photo/slice.ts";

/** The slices that hold at least one pixel of at least one mask, in their order. */
export function slicesTouching(slices: readonly Slice[], masks: readonly Mask[]): Slice[] {
  const isTouching = new Uint8Array(slices.length);
  const columns = groupByColumns(slices);
  for (const mask of masks) {
    for (const [x, y1, y2] of mask.columnRuns()) {
      for (const { left, right, members } of columns) {
        if (x < left || x >= right) continue;
        for (const { index, top, bottom } of members) {
          if (top < y2 && bottom > y1) isTouching[index] = 1;
        }
      }
    }
  }
  return slices.filter((_, index) => isTouching[index]);
}

interface SliceColumn {
  readonly left: number;
  readonly right: number;
  readonly members: { readonly index: number; readonly top: number; readonly bottom: number }[];
}

/** Slices that lie one above the other: a mask's run is compared with two or three such columns. */
function groupByColumns(slices: readonly Slice[]): SliceColumn[] {
  const columns = new Map<string, SliceColumn>();
  for (const [index, { left, top, width, height }] of slices.entries()) {
    const key = `${left} ${width}`;
    const column = columns.get(key) ?? { left, right: left + width, members: [] };
    column.members.push({ index, top, bottom: top + height });
    columns.set(key, column);
  }
  return [...columns.values()];
}
