import type { Picture } from "./picture.ts";
import { assertSlice, type Slice } from "./slice.ts";

/**
 * Cuts a slice out of a decoded photo. The pixels are copied, unless the slice is the whole photo.
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
