import type { Mask } from "./masks/mask.ts";

/** A segmented part of a photo in which objects are counted: a bed, a tray, a field. */
export interface Region {
  /** 1…n, in reading order. */
  readonly number: number;
  readonly classId: number;
  readonly name: string;
  /** 0…1 */
  readonly score: number;
  /** Left, top, right, bottom in px of the photo. */
  readonly boxXyxy: readonly [number, number, number, number];
  /** The number of pixels of the mask. */
  readonly areaPx: number;
  /** Of the photo's size. */
  readonly mask: Mask;
}
