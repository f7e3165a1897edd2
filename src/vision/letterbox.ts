import { OrangeryError } from "../errors.ts";
import type { Picture } from "./photo/picture.ts";
import { roundHalfEven } from "./rounding.ts";
import type { Slice } from "./slices.ts";

/** How a photo is laid into a network's input: resized by one factor, centred, padded with grey. */
export interface Letterbox {
  /** The network's input, px. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** The photo inside the input, px. */
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  readonly padLeft: number;
  readonly padTop: number;
  /** Input px per photo px, as the way back uses it: min(inputHeight/photoHeight, inputWidth/photoWidth). */
  readonly gain: number;
  readonly photoWidth: number;
  readonly photoHeight: number;
}

export interface LetterboxOptions {
  /** Width and height of the photo, px. */
  readonly photoWh: readonly [number, number];
  /** Width and height of the network's input, px; with `minimumRectangle`, the most it may have. */
  readonly inputWh: readonly [number, number];
  /** What the input's sides must be multiples of; only used with `minimumRectangle`. Default 32. */
  readonly stride?: number;
  /** Pad only to the next multiple of `stride` ("auto" in Ultralytics). Default false. */
  readonly minimumRectangle?: boolean;
}

/** The grey around the photo, of 255. */
const padValue = 114;
/** v/255 as a float32 network input, for every byte v. */
const unitOf = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/**
 * Plans the letterbox of Ultralytics (`LetterBox` with scaleup and center): Python's rounding, an odd
 * padding pixel goes right or below.
 *
 * @throws `INVALID_ARGUMENT` for sides or strides that are not whole numbers from 1 up.
 */
export function planLetterbox({
  photoWh: [photoWidth, photoHeight],
  inputWh: [maxWidth, maxHeight],
  stride = 32,
  minimumRectangle = false,
}: LetterboxOptions): Letterbox {
  for (const [name, value] of Object.entries({
    photoWidth,
    photoHeight,
    inputWidth: maxWidth,
    inputHeight: maxHeight,
    stride,
  })) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${name}\` to be a whole number from 1 up, got ${value}.`,
    );
  }
  const ratio = Math.min(maxHeight / photoHeight, maxWidth / photoWidth);
  // A very long photo would round to nothing, which Ultralytics cannot resize to.
  const resizedWidth = Math.max(1, roundHalfEven(photoWidth * ratio));
  const resizedHeight = Math.max(1, roundHalfEven(photoHeight * ratio));
  const padding = (max: number, resized: number) =>
    (minimumRectangle ? (max - resized) % stride : max - resized) / 2;
  const padX = padding(maxWidth, resizedWidth);
  const padY = padding(maxHeight, resizedHeight);
  const padLeft = roundHalfEven(padX - 0.1);
  const padTop = roundHalfEven(padY - 0.1);
  const inputWidth = padLeft + resizedWidth + roundHalfEven(padX + 0.1);
  const inputHeight = padTop + resizedHeight + roundHalfEven(padY + 0.1);
  return {
    inputWidth,
    inputHeight,
    resizedWidth,
    resizedHeight,
    padLeft,
    padTop,
    gain: Math.min(inputHeight / photoHeight, inputWidth / photoWidth),
    photoWidth,
    photoHeight,
  };
}

/**
 * Resizes, pads and scales a photo into a network's input in one pass: planar RGB, float32 in 0…1,
 * `3 · inputHeight · inputWidth` values, all of them written.
 *
 * Bit-exact with `cv2.resize(…, INTER_LINEAR)` on bytes, which is fixed-point: 11-bit weights, a
 * horizontal pass, then a vertical one that drops 4 and 16 bits before it rounds.
 *
 * @throws `INVALID_ARGUMENT` when picture, plan and output do not fit each other.
 */
export function letterbox(picture: Picture, plan: Letterbox, out: Float32Array): void {
  for (const _ of letterboxInBands(picture, plan, out)) {
    // One band after the other, at once.
  }
}

/** Rows of the input that are written between two pauses: half a millisecond of work or so. */
const bandRows = 32;

/**
 * The same, with a pause after every band of rows, so that a caller can let others have their turn.
 */
export function* letterboxInBands(
  picture: Picture,
  plan: Letterbox,
  out: Float32Array,
): Generator<void, void, void> {
  assertFit(picture, plan, out);
  const { data, widthPx } = picture;
  const rows = new LetterboxRows(plan, out);
  for (let y = 0; y < plan.resizedHeight; y++) {
    rows.write(y, (row) => data.subarray(3 * row * widthPx, 3 * (row + 1) * widthPx));
    if (y % bandRows === bandRows - 1) yield;
  }
}

/** Bytes of a photo that are in memory at once when it is read in strips. */
const stripBytes = 16_000_000;
/** More rows are no use, as few are looked at. */
const maxStripRows = 512;

/**
 * The same for a photo that is not in memory: strips of it, of its whole width, are read from top to
 * bottom, those only of which something is needed.
 */
export async function letterboxInStrips(
  photo: CuttablePhoto,
  plan: Letterbox,
  out: Float32Array,
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

/** As much of a picture on disk as the letterbox needs. */
export interface CuttablePhoto {
  readonly widthPx: number;
  readonly heightPx: number;
  cut(part: Slice): Promise<Picture>;
}

/** Writes the rows of a network's input one by one, from top to bottom. */
class LetterboxRows {
  readonly #plan: Letterbox;
  readonly #out: Float32Array;
  readonly #columns: Taps;
  readonly #rows: Taps;
  // Rows of the photo after the horizontal pass, still in fixed point; each is sampled once.
  #upper: Int32Array;
  #lower: Int32Array;
  #upperRow = -1;
  #lowerRow = -1;

  constructor(plan: Letterbox, out: Float32Array) {
    const { inputWidth, inputHeight, resizedWidth, resizedHeight } = plan;
    if (inputWidth * inputHeight > resizedWidth * resizedHeight) out.fill(unitOf[padValue]!);
    this.#plan = plan;
    this.#out = out;
    this.#columns = resizeTaps(plan.photoWidth, resizedWidth, true);
    this.#rows = resizeTaps(plan.photoHeight, resizedHeight, false);
    this.#upper = new Int32Array(3 * resizedWidth);
    this.#lower = new Int32Array(3 * resizedWidth);
  }

  /** The two rows of the photo between which row `y` lies; they never go up again. */
  sourceRows(y: number): readonly [number, number] {
    return [this.#rows.first[y]!, this.#rows.second[y]!];
  }

  /** @param pixelsOf The bytes of a row of the photo. */
  write(y: number, pixelsOf: (row: number) => Uint8Array): void {
    const { inputWidth, inputHeight, padLeft, padTop } = this.#plan;
    const [first, second] = this.sourceRows(y);
    if (first === this.#lowerRow) {
      [this.#upper, this.#lower] = [this.#lower, this.#upper];
      [this.#upperRow, this.#lowerRow] = [this.#lowerRow, this.#upperRow];
    }
    if (first !== this.#upperRow) sampleRow(pixelsOf(first), this.#columns, this.#upper);
    this.#upperRow = first;
    if (second !== this.#lowerRow) {
      if (second === first) this.#lower.set(this.#upper);
      else sampleRow(pixelsOf(second), this.#columns, this.#lower);
    }
    this.#lowerRow = second;
    const { firstWeight, secondWeight } = this.#rows;
    const start = (padTop + y) * inputWidth + padLeft;
    const planeSize = inputWidth * inputHeight;
    const [a, b] = [firstWeight[y]!, secondWeight[y]!];
    blendRows(this.#upper, this.#lower, a, b, this.#out, start, planeSize);
  }
}

interface Taps {
  /** The two source positions of each output position, and their weights in 1/2048. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/**
 * The taps of one axis. Outside the source, the horizontal pass drops the fraction while the vertical
 * one keeps it and clamps its two rows to the same one: both as OpenCV does.
 */
function resizeTaps(sourceSize: number, size: number, clampFraction: boolean): Taps {
  const taps: Taps = {
    first: new Int32Array(size),
    second: new Int32Array(size),
    firstWeight: new Int32Array(size),
    secondWeight: new Int32Array(size),
  };
  const last = sourceSize - 1;
  for (let i = 0; i < size; i++) {
    const position = Math.fround(((i + 0.5) * sourceSize) / size - 0.5);
    let index = Math.floor(position);
    let fraction = Math.fround(position - index);
    if (clampFraction && (index < 0 || index >= last)) {
      index = index < 0 ? 0 : last;
      fraction = 0;
    }
    taps.first[i] = Math.min(Math.max(index, 0), last);
    taps.second[i] = Math.min(Math.max(index + 1, 0), last);
    taps.firstWeight[i] = roundHalfEven(Math.fround(1 - fraction) * 2048);
    taps.secondWeight[i] = roundHalfEven(fraction * 2048);
  }
  return taps;
}

function sampleRow(row: Uint8Array, taps: Taps, line: Int32Array): void {
  const { first, second, firstWeight, secondWeight } = taps;
  for (let x = 0, to = 0; x < first.length; x++, to += 3) {
    const a = 3 * first[x]!;
    const b = 3 * second[x]!;
    const aWeight = firstWeight[x]!;
    const bWeight = secondWeight[x]!;
    // Only the upper bits take part in the vertical pass.
    line[to] = (row[a]! * aWeight + row[b]! * bWeight) >> 4;
    line[to + 1] = (row[a + 1]! * aWeight + row[b + 1]! * bWeight) >> 4;
    line[to + 2] = (row[a + 2]! * aWeight + row[b + 2]! * bWeight) >> 4;
  }
}

function blendRows(
  upper: Int32Array,
  lower: Int32Array,
  a: number,
  b: number,
  out: Float32Array,
  start: number,
  planeSize: number,
): void {
  const green = start + planeSize;
  const blue = green + planeSize;
  const width = upper.length / 3;
  for (let x = 0, from = 0; x < width; x++, from += 3) {
    const red8 = (((a * upper[from]!) >> 16) + ((b * lower[from]!) >> 16) + 2) >> 2;
    const green8 = (((a * upper[from + 1]!) >> 16) + ((b * lower[from + 1]!) >> 16) + 2) >> 2;
    const blue8 = (((a * upper[from + 2]!) >> 16) + ((b * lower[from + 2]!) >> 16) + 2) >> 2;
    out[start + x] = unitOf[red8]!;
    out[green + x] = unitOf[green8]!;
    out[blue + x] = unitOf[blue8]!;
  }
}

function assertFit(
  picture: Pick<Picture, "widthPx" | "heightPx"> & { readonly data?: Uint8Array },
  plan: Letterbox,
  out: Float32Array,
): void {
  const { data, widthPx, heightPx } = picture;
  const length = 3 * plan.inputWidth * plan.inputHeight;
  const fits =
    widthPx === plan.photoWidth &&
    heightPx === plan.photoHeight &&
    (data === undefined || data.length === 3 * widthPx * heightPx) &&
    out.length === length;
  if (fits) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a picture of ${plan.photoWidth}×${plan.photoHeight} and ${length} output values, got ` +
      `${widthPx}×${heightPx} (${data?.length ?? "?"} bytes) and ${out.length}.`,
  );
}
