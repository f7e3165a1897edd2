import type { Picture } from "./picture.ts";
import { assertSlice, type Slice } from "./slice.ts";

/**
 * Cuts a slice out of a decoded photo. The pixels are copied, unless the slice is the whole photo.
 *
 * @throws `INVALID_ARGUMENT` when the slice does not lie within the photo.
 */
export function cutPicture(picture: Picture, slice: Slice): Picture {
  assertSlice(slice, picture);
  const { data, widthPx, heightPx, grey } = picture;
  const { width, height } = slice;
  if (width === widthPx && height === heightPx) return picture;
  return {
    data: cutRows(data, 3, widthPx, slice),
    widthPx: width,
    heightPx: height,
    ...(grey !== undefined && { grey: cutRows(grey, 1, widthPx, slice) }),
  };
}

function cutRows(
  data: Uint8Array,
  channels: number,
  widthPx: number,
  { left, top, width, height }: Slice,
): Uint8Array {
  const cut = new Uint8Array(channels * width * height);
  for (let y = 0; y < height; y++) {
    const from = channels * ((top + y) * widthPx + left);
    cut.set(data.subarray(from, from + channels * width), channels * y * width);
  }
  return cut;
}
