import type { Letterbox } from "./plan-letterbox.ts";
import { type ResizeKernel, resizeKernel, roundUpTo16 } from "./resize-kernel.ts";
import { type ResizeTaps, resizeTaps } from "./resize-taps.ts";

/** A network's input: bytes, or float32 or float16 in 0…1. */
export type InputValues = Float32Array | Float16Array | Uint8Array;

/**
 * How an input of bytes is laid out: a plane for each channel, or pixel by pixel as in a photo,
 * which is a quarter of the work where nothing is resized.
 */
export type InputLayout = "planes" | "pixels";

/** The grey around the photo, of 255. */
const padValue = 114;
/** v/255 in float32, for every byte v. */
const unitOf = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);
/** The same in float16, as bits. */
const halfBitsOf = new Uint16Array(Float16Array.from(unitOf).buffer);

/** Rows that are written at a time: about 0.2 ms of work, which stays in a core's cache. */
export const bandRows = 32;

/** The rows that are resized. */
export interface SourceRows {
  readonly widthPx: number;
  readonly heightPx: number;
  /** 3 for RGB, 1 for grey. */
  readonly bytesPerPixel: 1 | 3;
}

/** Returns the bytes of a row of the source. */
export type RowReader = (row: number) => Uint8Array;

/** Writes the rows of a network's input in bands. */
export class LetterboxRows {
  readonly #plan: Letterbox;
  readonly #out: InputValues;
  readonly #source: SourceRows;
  readonly #channels: number;
  /** Undefined where the pixels have only to change their places. */
  readonly #taps: Taps | undefined;
  readonly #layout: Layout;
  /** How the input is divided: a plane for each channel, or one of pixels. */
  readonly #planeCount: number;
  /** Values of a pixel in a plane. */
  readonly #pixelSize: 1 | 3;

  /**
   * @param out As many planes of the input as it has channels: three of RGB, or one of grey.
   * @param layout `pixels` for bytes of RGB only
   */
  constructor(
    plan: Letterbox,
    out: InputValues,
    source: SourceRows,
    layout: InputLayout = "planes",
  ) {
    this.#plan = plan;
    this.#out = out;
    this.#source = source;
    this.#channels = channelsOf(plan, out);
    const isByPixel = layout === "pixels" && this.#channels === 3;
    this.#planeCount = isByPixel ? 1 : this.#channels;
    this.#pixelSize = isByPixel ? 3 : 1;
    const isUnchanged =
      plan.resizedWidth === source.widthPx && plan.resizedHeight === source.heightPx;
    this.#taps = isUnchanged && this.#channels === 3 ? undefined : tapsOf(plan, source);
    this.#layout = layOut(plan, source, {
      planeCount: this.#planeCount,
      pixelSize: this.#pixelSize,
      tapsBytes: this.#taps?.columns.length ?? 0,
    });
    this.#padAboveAndBelow();
  }

  /** The two rows of the source between which row `y` lies; they never decrease with `y`. */
  sourceRows(y: number): readonly [number, number] {
    const rows = this.#taps?.rows;
    return rows === undefined ? [y, y] : [rows.first[y]!, rows.second[y]!];
  }

  /** Writes the rows from `from` to before `to`, {@link bandRows} at most. */
  write(from: number, to: number, pixelsOf: RowReader): void {
    if (this.#pixelSize === 3 && this.#taps === undefined) {
      this.#copy(from, to, pixelsOf);
      return;
    }
    const kernel = resizeKernel(this.#layout.byteLength);
    const memory = new Uint8Array(kernel.memory.buffer);
    this.#padLeft(memory);
    const work = { kernel, memory, pixelsOf };
    if (this.#taps === undefined) this.#split(from, to, work);
    else this.#resize(from, to, this.#taps, work);
    for (let plane = 0; plane < this.#planeCount; plane++) {
      this.#putOut(plane, { from, to, kernel });
    }
  }

  #copy(from: number, to: number, pixelsOf: RowReader): void {
    const { inputWidth, padLeft, padTop, resizedWidth } = this.#plan;
    const out = this.#out;
    for (let y = from; y < to; y++) {
      const start = 3 * inputWidth * (padTop + y);
      if (resizedWidth < inputWidth) out.fill(padValue, start, start + 3 * inputWidth);
      out.set(pixelsOf(y), start + 3 * padLeft);
    }
  }

  #split(from: number, to: number, { kernel, memory, pixelsOf }: Work): void {
    const { row, planeBytes } = this.#layout;
    const count = roundUpTo16(this.#plan.resizedWidth);
    for (let y = from; y < to; y++) {
      memory.set(pixelsOf(y), row);
      kernel.splitRgb(row, count, this.#placeOf(y - from), planeBytes);
      this.#padRight(memory, y - from);
    }
  }

  #resize(
    from: number,
    to: number,
    { rows, columns }: Taps,
    { kernel, memory, pixelsOf }: Work,
  ): void {
    const { taps, lines, row, planeBytes } = this.#layout;
    const { firstWeight, secondWeight } = rows;
    memory.set(columns, taps);
    const count = columns.length / 8;
    const isRgb = this.#channels === 3;
    const isByPixel = this.#pixelSize === 3;
    const sample = isRgb
      ? kernel.sampleRgb
      : this.#source.bytesPerPixel === 1
        ? kernel.sampleGrey
        : kernel.sampleMixed;
    // A row takes a few microseconds: no destructuring of pairs here, since it allocates.
    let upper = lines[0];
    let lower = lines[1];
    // Rows of the source that the lines are of; each is sampled once.
    let upperRow = -1;
    let lowerRow = -1;
    const sampleInto = (line: number, sourceRow: number) => {
      memory.set(pixelsOf(sourceRow), row);
      sample(row, taps, count, line);
    };
    for (let y = from; y < to; y++) {
      const first = rows.first[y]!;
      const second = rows.second[y]!;
      if (first === lowerRow) {
        const line = upper;
        upper = lower;
        lower = line;
        lowerRow = upperRow;
      } else if (first !== upperRow) {
        sampleInto(upper, first);
      }
      upperRow = first;
      if (second !== first && second !== lowerRow) {
        sampleInto(lower, second);
        lowerRow = second;
      }
      const other = second === first ? upper : lower;
      const a = firstWeight[y]!;
      const b = secondWeight[y]!;
      const out = this.#placeOf(y - from);
      if (isByPixel) kernel.blendPixels(upper, other, a, b, count, out);
      else if (isRgb) kernel.blendRgb(upper, other, a, b, count, out, planeBytes);
      else kernel.blendGrey(upper, other, a, b, count, out);
      this.#padRight(memory, y - from);
    }
  }

  /** The place of a row's first pixel in the first plane of a band. */
  #placeOf(rowInBand: number): number {
    const { inputWidth, padLeft } = this.#plan;
    return this.#layout.planes + this.#pixelSize * (rowInBand * inputWidth + padLeft);
  }

  #padAboveAndBelow(): void {
    const { inputWidth, inputHeight, resizedHeight, padTop } = this.#plan;
    const lineSize = this.#pixelSize * inputWidth;
    const [planeSize, top] = [lineSize * inputHeight, lineSize * padTop];
    const bottom = top + lineSize * resizedHeight;
    const value = this.#out instanceof Uint8Array ? padValue : unitOf[padValue]!;
    for (let start = 0; start < this.#out.length; start += planeSize) {
      this.#out.fill(value, start, start + top);
      this.#out.fill(value, start + bottom, start + planeSize);
    }
  }

  /** Pads what lies before the first row's pixels; a row pads what lies between it and the next. */
  #padLeft(memory: Uint8Array): void {
    const { planes, planeBytes } = this.#layout;
    for (let plane = 0; plane < this.#planeCount; plane++) {
      const at = planes + plane * planeBytes;
      memory.fill(padValue, at, at + this.#pixelSize * this.#plan.padLeft);
    }
  }

  /** Pads to the next row's pixels; what the kernel has written there goes. */
  #padRight(memory: Uint8Array, rowInBand: number): void {
    const { resizedWidth, inputWidth } = this.#plan;
    if (inputWidth === resizedWidth) return;
    const end = this.#placeOf(rowInBand) + this.#pixelSize * resizedWidth;
    for (let plane = 0; plane < this.#planeCount; plane++) {
      const at = end + plane * this.#layout.planeBytes;
      memory.fill(padValue, at, at + this.#pixelSize * (inputWidth - resizedWidth));
    }
  }

  #putOut(plane: number, { from, to, kernel }: Band): void {
    const { inputWidth, inputHeight, padTop } = this.#plan;
    const { planes, planeBytes, floats } = this.#layout;
    const bytesAt = planes + plane * planeBytes;
    const lineSize = this.#pixelSize * inputWidth;
    const count = (to - from) * lineSize;
    const target = lineSize * (plane * inputHeight + padTop + from);
    const out = this.#out;
    const { buffer } = kernel.memory;
    if (out instanceof Float32Array) {
      kernel.toFloats(bytesAt, roundUpTo16(count), floats);
      out.set(new Float32Array(buffer, floats, count), target);
      return;
    }
    const bytes = new Uint8Array(buffer, bytesAt, count);
    if (out instanceof Uint8Array) {
      out.set(bytes, target);
      return;
    }
    const halves = new Uint16Array(out.buffer, out.byteOffset + 2 * target, count);
    for (let i = 0; i < count; i++) halves[i] = halfBitsOf[bytes[i]!]!;
  }
}

/** Rows that are in the kernel's memory. */
interface Band {
  readonly from: number;
  readonly to: number;
  readonly kernel: ResizeKernel;
}

/** What a band is written with. */
interface Work {
  readonly kernel: ResizeKernel;
  readonly memory: Uint8Array;
  readonly pixelsOf: RowReader;
}

/** The channels of an input for which `out` has room. */
export function channelsOf(
  { inputWidth, inputHeight }: Letterbox,
  { length }: InputValues,
): number {
  return length / (inputWidth * inputHeight);
}

/** What each row and column of the input is made of. */
interface Taps {
  readonly rows: ResizeTaps;
  /** As the kernel reads them. */
  readonly columns: Uint8Array;
}

function tapsOf({ resizedWidth, resizedHeight }: Letterbox, source: SourceRows): Taps {
  return {
    rows: resizeTaps(source.heightPx, resizedHeight, "vertical"),
    columns: horizontalTaps(source, resizedWidth),
  };
}

function horizontalTaps({ widthPx, bytesPerPixel }: SourceRows, resizedWidth: number): Uint8Array {
  const { first, firstWeight, secondWeight } = resizeTaps(widthPx, resizedWidth, "horizontal");
  const count = roundUpTo16(resizedWidth);
  const taps = new Int32Array(2 * count);
  for (let x = 0; x < resizedWidth; x++) {
    taps[2 * x] = bytesPerPixel * first[x]!;
    taps[2 * x + 1] = firstWeight[x]! | (secondWeight[x]! << 16);
  }
  return new Uint8Array(taps.buffer);
}

/** Where a band's parts lie in the kernel's memory. */
interface Layout {
  readonly taps: number;
  /** Of the two rows between which a row of the input lies. */
  readonly lines: readonly [number, number];
  readonly row: number;
  readonly planes: number;
  readonly planeBytes: number;
  /** One plane. */
  readonly floats: number;
  readonly byteLength: number;
}

type LayoutSize = "planeCount" | "pixelSize" | "tapsBytes";

/** What the kernel reads and writes past the end of a row. */
const slackBytes = 64;

function layOut(
  { inputWidth }: Letterbox,
  source: SourceRows,
  { planeCount, pixelSize, tapsBytes }: Readonly<Record<LayoutSize, number>>,
): Layout {
  let end = 0;
  const place = (bytes: number) => {
    const at = end;
    end += roundUpTo16(bytes);
    return at;
  };
  const planeBytes = roundUpTo16(pixelSize * bandRows * inputWidth + slackBytes);
  return {
    taps: place(tapsBytes),
    lines: [place(2 * tapsBytes), place(2 * tapsBytes)],
    row: place(source.bytesPerPixel * source.widthPx + slackBytes),
    planes: place(planeCount * planeBytes),
    planeBytes,
    floats: place(4 * planeBytes),
    byteLength: end,
  };
}
