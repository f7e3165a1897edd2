import { OrangeryError } from "../../errors.ts";

/** A rectangle of whole pixels of a photo, which is predicted as a picture of its own. */
export interface Slice {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** @throws `INVALID_ARGUMENT` when the slice does not lie within the photo. */
export function assertSlice(
  { left, top, width, height }: Slice,
  { widthPx, heightPx }: { readonly widthPx: number; readonly heightPx: number },
): void {
  const fits =
    [left, top, width, height].every(Number.isInteger) &&
    left >= 0 &&
    top >= 0 &&
    width >= 1 &&
    height >= 1 &&
    left + width <= widthPx &&
    top + height <= heightPx;
  if (fits) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a slice within a photo of ${widthPx}×${heightPx} px, got ${width}×${height} px at ` +
      `${left}, ${top}.`,
  );
}
