import type { Detections } from "../vision/detections.ts";
import { Mask } from "../vision/masks/mask.ts";

/** Returns the share of its photo that a mask covers, 0 to 1, to a millionth. */
export function shareOfPhoto({ areaPx, widthPx, heightPx }: Mask): number {
  return Math.round((1e6 * areaPx) / (widthPx * heightPx)) / 1e6;
}

/** Returns the pixels that objects cover together, each counted once; undefined without masks. */
export function coveredPx({ masks }: Detections): number | undefined {
  if (masks === undefined) return undefined;
  return masks.length === 0 ? 0 : Mask.union(masks).areaPx;
}
