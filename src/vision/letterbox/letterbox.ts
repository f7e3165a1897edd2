import { OrangeryError } from "../../errors.ts";
import type { Picture } from "../photo/picture.ts";
import type { Slice } from "../photo/slice.ts";
import { type InputValues, LetterboxRows } from "./letterbox-rows.ts";
import type { Letterbox } from "./plan-letterbox.ts";

/**
 * Resizes, pads and scales a photo into a network's input in one pass: planar RGB, as bytes or as
 * float32 in 0…1, `3 · inputHeight · inputWidth` values, all of which are written. Into a third of
 * them it writes grey: the picture's own, or what OpenCV mixes from its RGB.
 *
 * Bit-exact with `cv2.resize(…, INTER_LINEAR)` on bytes, which uses fixed point: 11-bit weights, a
 * horizontal pass, then a vertical pass that drops 4 and 16 bits before it rounds.
 *
 * @throws `INVALID_ARGUMENT` when picture, plan and output do not match.
 */
export function letterbox(picture: Picture, plan: Letterbox, out: InputValues): void {
  for (const _ of letterboxInBands(picture, plan, out)) {
    // One band after the other, without pauses.
  }
}

/** Rows of the input that are written between two pauses: about half a millisecond of work. */
const bandRows = 32;

/** Does the same with a pause after each band of rows, so that a caller can yield to others. */
export function* letterboxInBands(
  picture: Picture,
  plan: Letterbox,
  out: InputValues,
): Generator<void, void, void> {
  assertFit(picture, plan, out);
  const { data, widthPx, grey } = picture;
  const rows = new LetterboxRows(plan, out);
  const isGrey = rows.isGrey && grey !== undefined;
  const [bytes, length] = isGrey ? [grey, widthPx] : [data, 3 * widthPx];
  for (let y = 0; y < plan.resizedHeight; y++) {
    rows.write(y, (row) => bytes.subarray(row * length, (row + 1) * length));
    if (y % bandRows === bandRows - 1) yield;
  }
}

/** The bytes of a photo that are in memory at once when it is read in strips. */
const stripBytes = 16_000_000;
/** More rows would not help, since few are sampled. */
const maxStripRows = 512;

/**
 * Does the same for a photo that is not in memory: strips of its whole width are read from top to
 * bottom, and only those that are needed.
 */
export async function letterboxInStrips(
  photo: CuttablePhoto,
  plan: Letterbox,
  out: InputValues,
): Promise<void> {
  assertFit(photo, plan, out);
  const { widthPx: width, heightPx } = photo;
  const rows = new LetterboxRows(plan, out);
  const stripRows = Math.max(2, Math.min(maxStripRows, Math.floor(stripBytes / (3 * width))));
  let strip: Picture | undefined;
  let top = 0;
  for (let y = 0; y < plan.resizedHeight; y++) {
    const [first, second] = rows.sourceRows(y);
    if (strip === undefined || second >= top + strip.heightPx) {
      top = first;
      const height = Math.min(stripRows, heightPx - top);
      strip = await photo.cut({ left: 0, top, width, height });
    }
    const { data } = strip;
    rows.write(y, (row) => data.subarray(3 * (row - top) * width, 3 * (row - top + 1) * width));
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
