import { OrangeryError } from "../../errors.ts";
import type { Slice } from "../slices.ts";
import type { Picture } from "./picture.ts";

/**
 * Cuts a slice out of a decoded photo. The pixels are copied; a slice that is the whole photo is the
 * photo itself.
 *
 * @throws `INVALID_ARGUMENT` when the slice does not lie within the photo.
 */
export function cutPicture(picture: Picture, slice: Slice): Picture {
  assertSlice(slice, picture);
  const { data, widthPx, heightPx } = picture;
  const { left, top, width, height } = slice;
  if (width === widthPx && height === heightPx) return picture;
  const cut = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * ((top + y) * widthPx + left);
    cut.set(data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { data: cut, widthPx: width, heightPx: height };
}

/** @throws `INVALID_ARGUMENT` when the slice does not lie within the photo. */
export function assertSlice(
  { left, top, width, height }: Slice,
  { widthPx, heightPx }: Pick<Picture, "widthPx" | "heightPx">,
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
