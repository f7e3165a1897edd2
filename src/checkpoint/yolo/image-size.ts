import { maxSidePx } from "../../graph/yolo/input-size.ts";
import { damaged, quote } from "../checkpoint-error.ts";
import type { Setting } from "../checkpoint-metadata.ts";

/** For a checkpoint that states none. */
const usualSidePx = 640;

/**
 * Returns the image size of a training, rounded up to multiples of `stridePx`. Its `imgsz` is one
 * number for a square, also in a list or as text, or height and width.
 */
export function trainedSizeHw(
  imgsz: Setting | undefined,
  stridePx: number,
): readonly [heightPx: number, widthPx: number] {
  const sides = Array.isArray(imgsz) ? imgsz : [imgsz ?? usualSidePx];
  const [height, width = height] = sides.map(
    (side) => Math.ceil(Number(side) / stridePx) * stridePx,
  );
  const isSide = (px: number | undefined) => px !== undefined && px >= 1 && px <= maxSidePx;
  if (isSide(height) && isSide(width)) return [height!, width!];
  throw damaged(`Expected an \`imgsz\` from 1 to ${maxSidePx} px, got ${quote(String(imgsz))}`);
}
