import { OrangeryError } from "../errors.ts";
import { type ColumnRun, traceContours } from "./contours.ts";
import { fillPolygons, type Polygon } from "./polygon-fill.ts";
import { RunLengths } from "./run-lengths.ts";

export interface Rle {
  /** [height, width], px. */
  readonly size: readonly [number, number];
  readonly counts: readonly number[];
}

/**
 * Which pixels of a picture belong to an object, as COCO's uncompressed run lengths: column by
 * column, from top to bottom, in turns pixels outside and inside, starting with those outside.
 */
export class Mask {
  readonly widthPx: number;
  readonly heightPx: number;
  /** The first may be 0; their sum is widthPx · heightPx. */
  readonly counts: Uint32Array;
  #ends: Uint32Array | undefined;

  /** @throws `INVALID_ARGUMENT` when the counts do not add up to the size. */
  constructor(fields: { widthPx: number; heightPx: number; counts: Uint32Array }) {
    const { widthPx, heightPx, counts } = fields;
    let sum = 0;
    for (let i = 0; i < counts.length; i++) sum += counts[i];
    if (!Number.isInteger(widthPx) || !Number.isInteger(heightPx) || sum !== widthPx * heightPx) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected run lengths of ${widthPx}×${heightPx} pixels together, got ${sum}.`,
      );
    }
    this.widthPx = widthPx;
    this.heightPx = heightPx;
    this.counts = counts;
  }

  /** From one byte a pixel, row by row; every byte but 0 is inside. */
  static fromBitmap(
    rowMajor: ArrayLike<number>,
    [widthPx, heightPx]: readonly [number, number],
  ): Mask {
    const runs = new RunLengths();
    for (let x = 0; x < widthPx; x++) {
      for (let y = 0; y < heightPx; y++) {
        if (rowMajor[y * widthPx + x]) runs.add(x * heightPx + y, 1);
      }
    }
    return new Mask({ widthPx, heightPx, counts: runs.finish(widthPx * heightPx) });
  }

  /** From COCO's uncompressed form. @throws `INVALID_ARGUMENT` when the counts do not fit the size. */
  static fromRle({ size: [heightPx, widthPx], counts }: Rle): Mask {
    return new Mask({ widthPx, heightPx, counts: Uint32Array.from(counts) });
  }

  /** The pixels inside or on any of the outlines; the inverse of {@link toPolygons}, but for holes. */
  static fromPolygons(polygons: readonly Polygon[], wh: readonly [number, number]): Mask {
    const [widthPx, heightPx] = wh;
    return new Mask({ widthPx, heightPx, counts: fillPolygons(polygons, wh) });
  }

  /** The pixels inside or on the outline. */
  static fromPolygon(polygon: Polygon, wh: readonly [number, number]): Mask {
    return Mask.fromPolygons([polygon], wh);
  }

  /** How many pixels are inside. */
  get areaPx(): number {
    let area = 0;
    for (let i = 1; i < this.counts.length; i += 2) area += this.counts[i];
    return area;
  }

  /** The smallest box around the pixels: left, top, and right, bottom just outside; undefined if empty. */
  get boxXyxy(): [number, number, number, number] | undefined {
    let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
    for (const [x, y1, y2] of this.columnRuns()) {
      left = Math.min(left, x);
      right = x + 1;
      top = Math.min(top, y1);
      bottom = Math.max(bottom, y2);
    }
    return right < 0 ? undefined : [left, top, right, bottom];
  }

  /** The runs inside, split at the columns: [x, y1, y2), column by column. */
  *columnRuns(): Generator<ColumnRun> {
    const { counts, heightPx } = this;
    for (let i = 1, start = counts[0] ?? 0; i < counts.length; i += 2) {
      const end = start + counts[i];
      while (start < end) {
        const x = Math.floor(start / heightPx);
        const stop = Math.min(end, (x + 1) * heightPx);
        yield [x, start - x * heightPx, stop - x * heightPx];
        start = stop;
      }
      start += counts[i + 1] ?? 0;
    }
  }

  /** One byte a pixel, row by row: 1 inside, 0 outside. */
  toBitmap(): Uint8Array {
    const { widthPx } = this;
    const bitmap = new Uint8Array(widthPx * this.heightPx);
    for (const [x, y1, y2] of this.columnRuns()) {
      for (let y = y1; y < y2; y++) bitmap[y * widthPx + x] = 1;
    }
    return bitmap;
  }

  /** COCO's uncompressed form, ready for JSON. */
  toRle(): { size: [number, number]; counts: number[] } {
    return { size: [this.heightPx, this.widthPx], counts: Array.from(this.counts) };
  }

  /**
   * The outer outline of each connected part (pixels that touch at a corner are connected), through
   * the outermost pixels; only points where the direction changes, as `CHAIN_APPROX_SIMPLE` does.
   * Holes, and what lies inside them, are not told.
   */
  toPolygons(): [number, number][][] {
    const box = this.boxXyxy;
    return box === undefined ? [] : traceContours([...this.columnRuns()], box);
  }

  /** Whether the pixel is inside; never outside the picture. */
  contains(x: number, y: number): boolean {
    const column = Math.floor(x);
    const row = Math.floor(y);
    if (!(column >= 0 && column < this.widthPx && row >= 0 && row < this.heightPx)) return false;
    this.#ends ??= cumulate(this.counts);
    const position = column * this.heightPx + row;
    let low = 0;
    for (let high = this.#ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle] > position) high = middle;
      else low = middle + 1;
    }
    return low % 2 === 1;
  }

  /**
   * Intersection over union, 0…1; 0 for two empty masks.
   *
   * @throws `INVALID_ARGUMENT` when the masks are of different sizes.
   */
  iou(other: Mask): number {
    if (other.widthPx !== this.widthPx || other.heightPx !== this.heightPx) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected masks of one size, got ${this.widthPx}×${this.heightPx} and ${other.widthPx}×${other.heightPx}.`,
      );
    }
    const intersection = intersectRuns(this.counts, other.counts);
    const union = this.areaPx + other.areaPx - intersection;
    return union === 0 ? 0 : intersection / union;
  }
}

function cumulate(counts: Uint32Array): Uint32Array {
  let end = 0;
  return counts.map((count) => {
    end += count;
    return end;
  });
}

function intersectRuns(a: Uint32Array, b: Uint32Array): number {
  let [i, j, intersection] = [0, 0, 0];
  let [aLeft, bLeft] = [a[0] ?? 0, b[0] ?? 0];
  while (i < a.length && j < b.length) {
    const step = Math.min(aLeft, bLeft);
    if (i % 2 === 1 && j % 2 === 1) intersection += step;
    aLeft -= step;
    bLeft -= step;
    if (aLeft === 0) aLeft = a[++i] ?? 0;
    if (bLeft === 0) bLeft = b[++j] ?? 0;
  }
  return intersection;
}
