import { roundHalfEven } from "../rounding.ts";
import type { Letterbox } from "./plan-letterbox.ts";

/** The grey around the photo, of 255. */
const padValue = 114;
/** A network's input: bytes, or float32 in 0…1. */
export type InputValues = Float32Array | Uint8Array;

/** v/255 in float32, for every byte v. */
const unitOf = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
const byteOf = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Writes the rows of a network's input one after the other, from top to bottom. */
export class LetterboxRows {
  readonly #plan: Letterbox;
  readonly #out: InputValues;
  readonly #valueOf: InputValues;
  readonly #columns: Taps;
  readonly #rows: Taps;
  /** Whether the network has one channel. */
  readonly isGrey: boolean;
  // Rows of the photo after the horizontal pass, in fixed point; each is sampled once.
  #upper: Int32Array;
  #lower: Int32Array;
  #upperRow = -1;
  #lowerRow = -1;

  /** @param out As many planes of the input as it has channels: three of RGB, or one of grey. */
  constructor(plan: Letterbox, out: InputValues) {
    const { inputWidth, inputHeight, resizedWidth, resizedHeight } = plan;
    const channels = out.length / (inputWidth * inputHeight);
    this.#valueOf = out instanceof Float32Array ? unitOf : byteOf;
    if (inputWidth * inputHeight > resizedWidth * resizedHeight) {
      out.fill(this.#valueOf[padValue]!);
    }
    this.#plan = plan;
    this.#out = out;
    this.#columns = resizeTaps(plan.photoWidth, resizedWidth, true);
    this.#rows = resizeTaps(plan.photoHeight, resizedHeight, false);
    this.isGrey = channels === 1;
    this.#upper = new Int32Array(channels * resizedWidth);
    this.#lower = new Int32Array(channels * resizedWidth);
  }

  /** The two rows of the photo between which row `y` lies; they never decrease with `y`. */
  sourceRows(y: number): readonly [number, number] {
    return [this.#rows.first[y]!, this.#rows.second[y]!];
  }

  /** @param pixelsOf Returns the bytes of a row of the photo: RGB, or grey for one channel. */
  write(y: number, pixelsOf: (row: number) => Uint8Array): void {
    const { inputWidth, inputHeight, padLeft, padTop } = this.#plan;
    const sample = this.isGrey ? sampleGreyRow : sampleRow;
    const [first, second] = this.sourceRows(y);
    if (first === this.#lowerRow) {
      [this.#upper, this.#lower] = [this.#lower, this.#upper];
      [this.#upperRow, this.#lowerRow] = [this.#lowerRow, this.#upperRow];
    }
    if (first !== this.#upperRow) sample(pixelsOf(first), this.#columns, this.#upper);
    this.#upperRow = first;
    if (second !== this.#lowerRow) {
      if (second === first) this.#lower.set(this.#upper);
      else sample(pixelsOf(second), this.#columns, this.#lower);
    }
    this.#lowerRow = second;
    const { firstWeight, secondWeight } = this.#rows;
    const start = (padTop + y) * inputWidth + padLeft;
    const planeSize = inputWidth * inputHeight;
    const [a, b] = [firstWeight[y]!, secondWeight[y]!];
    const [out, values] = [this.#out, this.#valueOf];
    if (this.isGrey) blendGreyRows(this.#upper, this.#lower, a, b, out, values, start);
    else blendRows(this.#upper, this.#lower, a, b, out, values, start, planeSize);
  }
}

interface Taps {
  readonly sourceSize: number;
  /** The two source positions of each output position, and their weights in 1/2048. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/**
 * Computes the taps of one axis. Outside the source, the horizontal pass drops the fraction; the
 * vertical pass keeps it and clamps its two rows to the same one. Both are OpenCV's behaviour.
 */
function resizeTaps(sourceSize: number, size: number, clampFraction: boolean): Taps {
  const taps: Taps = {
    sourceSize,
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

function sampleGreyRow(row: Uint8Array, taps: Taps, line: Int32Array): void {
  const { first, second, firstWeight, secondWeight, sourceSize } = taps;
  const isGrey = row.length === sourceSize;
  const greyAt = (pixel: number) => (isGrey ? row[pixel]! : greyOf(row, pixel));
  for (let x = 0; x < line.length; x++) {
    const [a, b] = [greyAt(first[x]!), greyAt(second[x]!)];
    line[x] = (a * firstWeight[x]! + b * secondWeight[x]!) >> 4;
  }
}

/** The grey that OpenCV mixes: 0.299 R + 0.587 G + 0.114 B in 15 bits. */
function greyOf(row: Uint8Array, pixel: number): number {
  const at = 3 * pixel;
  return (9798 * row[at]! + 19235 * row[at + 1]! + 3735 * row[at + 2]! + 16384) >> 15;
}

function blendGreyRows(
  upper: Int32Array,
  lower: Int32Array,
  a: number,
  b: number,
  out: InputValues,
  values: InputValues,
  start: number,
): void {
  for (let x = 0; x < upper.length; x++) {
    const grey8 = (((a * upper[x]!) >> 16) + ((b * lower[x]!) >> 16) + 2) >> 2;
    out[start + x] = values[grey8]!;
  }
}

function blendRows(
  upper: Int32Array,
  lower: Int32Array,
  a: number,
  b: number,
  out: InputValues,
  values: InputValues,
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
    out[start + x] = values[red8]!;
    out[green + x] = values[green8]!;
    out[blue + x] = values[blue8]!;
  }
}
