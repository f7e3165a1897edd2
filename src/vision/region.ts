import type { Mask } from "./masks/mask.ts";

/** A part of a photo in which objects are counted, found or drawn: a bed, a tray, a plot. */
export interface Region {
  /** 1…n, in reading order where a network found them. */
  readonly number: number;
  readonly classId: number;
  readonly name: string;
  /** 0…1; 1 where a person drew it. */
  readonly score: number;
  /** Left, top, right, bottom in px of the photo. */
  readonly boxXyxy: readonly [number, number, number, number];
  /** The number of pixels of the mask. */
  readonly areaPx: number;
  /** Of the photo's size. */
  readonly mask: Mask;
}

/** What people draw is certain; networks score below it. */
export const drawnScore = 1;

/** Whether a person drew a region, whose name then is its own, not that of a class. */
export function isDrawn({ score }: Pick<Region, "score">): boolean {
  return score === drawnScore;
}
