import { OrangeryError } from "../../errors.ts";
import type { Picture } from "../photo/picture.ts";
import { PictureSlice } from "../photo/picture-slice.ts";
import { ReducedPicture } from "../photo/reduced-picture.ts";
import type { Slice } from "../photo/slice.ts";
import {
  bandRows,
  channelsOf,
  type InputLayout,
  type InputValues,
  LetterboxRows,
} from "./letterbox-rows.ts";
import type { Letterbox } from "./plan-letterbox.ts";

/**
 * Resizes, pads and scales a photo into a network's input in one pass: planar RGB, as bytes or as
 * float32 or float16 in 0…1, `3 · inputHeight · inputWidth` values, all of which are written. Into
 * a third of them it writes grey: the picture's own, or what OpenCV mixes from its RGB. With the
 * layout `pixels`, bytes of RGB come pixel by pixel instead.
 *
 * Bit-exact with `cv2.resize(…, INTER_LINEAR)` on bytes, which uses fixed point: 11-bit weights, a
 * horizontal pass, then a vertical pass that drops 4 and 16 bits before it rounds.
 *
 * @throws `INVALID_ARGUMENT` when picture, plan and output do not match.
 */
export function letterbox(
  picture: Picture | PictureSlice | ReducedPicture,
  plan: Letterbox,
  out: InputValues,
  layout?: InputLayout,
): void {
  for (const _ of letterboxInBands(picture, plan, out, layout)) {
    // All bands, without pauses.
  }
}

/** Does the same with a pause after each band of rows, so that a caller can yield to others. */
export function* letterboxInBands(
  picture: Picture | PictureSlice | ReducedPicture,
  plan: Letterbox,
  out: InputValues,
  layout?: InputLayout,
): Generator<void, void, void> {
  assertFit(picture, plan, out);
  const photo = slicedOf(picture);
  const { widthPx, heightPx } = photo;
  const readsGrey = photo.hasGrey && channelsOf(plan, out) === 1;
  const source = { widthPx, heightPx, bytesPerPixel: readsGrey ? 1 : 3 } as const;
  const rows = new LetterboxRows(plan, out, source, layout);
  const pixelsOf = readsGrey ? (y: number) => photo.greyRow(y) : (y: number) => photo.row(y);
  for (let y = 0; y < plan.resizedHeight; y += bandRows) {
    rows.write(y, Math.min(plan.resizedHeight, y + bandRows), pixelsOf);
    yield;
  }
}

function slicedOf(picture: Picture | PictureSlice | ReducedPicture): PictureSlice {
  if (picture instanceof PictureSlice) return picture;
  return PictureSlice.whole(picture instanceof ReducedPicture ? picture.picture : picture);
}

/** The bytes of a photo that are in memory at once when it is read in strips. */
const stripBytes = 16_000_000;
/** More rows would not help, since only a few are sampled. */
const maxStripRows = 512;

/**
 * Does the same for a photo that is not in memory: strips of its whole width are read from top to
 * bottom, and only those that are needed.
 */
export async function letterboxInStrips(
  photo: CuttablePhoto,
  plan: Letterbox,
  out: InputValues,
  layout?: InputLayout,
): Promise<void> {
  assertFit(photo, plan, out);
  const { widthPx: width, heightPx } = photo;
  const source = { widthPx: width, heightPx, bytesPerPixel: 3 } as const;
  const rows = new LetterboxRows(plan, out, source, layout);
  const stripRows = Math.max(2, Math.min(maxStripRows, Math.floor(stripBytes / (3 * width))));
  for (let y = 0; y < plan.resizedHeight; ) {
    const [top] = rows.sourceRows(y);
    const height = Math.min(stripRows, heightPx - top);
    const strip = PictureSlice.whole(await photo.cut({ left: 0, top, width, height }));
    const isInStrip = (row: number) =>
      row < plan.resizedHeight && rows.sourceRows(row)[1] < top + height;
    while (isInStrip(y)) {
      let to = y + 1;
      while (to < y + bandRows && isInStrip(to)) to++;
      rows.write(y, to, (row) => strip.row(row - top));
      y = to;
    }
  }
}

/** The part of a picture on disk that the letterbox needs. */
export interface CuttablePhoto {
  readonly widthPx: number;
  readonly heightPx: number;
  cut(part: Slice): Promise<Picture>;
}

function assertFit(
  picture: Pick<Picture, "widthPx" | "heightPx"> & { readonly data?: Uint8Array },
  plan: Letterbox,
  out: InputValues,
): void {
  const { data, widthPx, heightPx } = picture;
  const pixels = plan.inputWidth * plan.inputHeight;
  const fits =
    widthPx === plan.photoWidth &&
    heightPx === plan.photoHeight &&
    (data === undefined || data.length === 3 * widthPx * heightPx) &&
    (out.length === 3 * pixels || out.length === pixels);
  if (fits) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a picture of ${plan.photoWidth}×${plan.photoHeight} and ` +
      `${3 * pixels} output values, ` +
      `got ${widthPx}×${heightPx} (${data?.length ?? "?"} bytes) and ${out.length}.`,
  );
}
