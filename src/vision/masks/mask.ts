import { OrangeryError } from "../../errors.ts";
import { type ColumnRun, traceContours } from "./contours.ts";
import { fillPolygons, type Polygon } from "./polygon-fill.ts";
import { RunLengths } from "./run-lengths.ts";

/** A mask as run lengths, as COCO has them. */
export interface Rle {
  /** [height, width], px. */
  readonly size: readonly [number, number];
  readonly counts: readonly number[];
}

/**
 * The pixels of a picture that belong to an object, as COCO's uncompressed run lengths: column by
 * column, from top to bottom, alternately pixels outside and inside, starting with those outside.
 */
export class Mask {
  readonly widthPx: number;
  readonly heightPx: number;
  /** The first may be 0; the sum is widthPx · heightPx. */
  readonly counts: Uint32Array;
  #ends: Uint32Array | undefined;

  /** @throws `INVALID_ARGUMENT` when the counts do not add up to the size. */
  constructor(fields: { widthPx: number; heightPx: number; counts: Uint32Array }) {
    const { widthPx, heightPx, counts } = fields;
    let sum = 0;
    for (let i = 0; i < counts.length; i++) sum += counts[i]!;
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

  /**
   * Makes a mask from one byte per pixel, row by row; every byte but 0 is inside.
   *
   * @throws `INVALID_ARGUMENT` for another number of bytes
   */
  static fromBitmap(
    rowMajor: ArrayLike<number>,
    [widthPx, heightPx]: readonly [number, number],
  ): Mask {
    if (rowMajor.length !== widthPx * heightPx) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a byte for each of ${widthPx}×${heightPx} pixels, got ${rowMajor.length}.`,
      );
    }
    const runs = new RunLengths();
    for (let x = 0; x < widthPx; x++) {
      for (let y = 0; y < heightPx; y++) {
        if (rowMajor[y * widthPx + x]) runs.add(x * heightPx + y, 1);
      }
    }
    return new Mask({ widthPx, heightPx, counts: runs.finish(widthPx * heightPx) });
  }

  /** Makes a mask from COCO's form. @throws `INVALID_ARGUMENT` for counts of another size. */
  static fromRle({ size: [heightPx, widthPx], counts }: Rle): Mask {
    return new Mask({ widthPx, heightPx, counts: Uint32Array.from(counts) });
  }

  /**
   * Makes a mask of the pixels inside or on any of the outlines; the inverse of {@link toPolygons},
   * except for holes.
   */
  static fromPolygons(polygons: readonly Polygon[], wh: readonly [number, number]): Mask {
    const [widthPx, heightPx] = wh;
    return new Mask({ widthPx, heightPx, counts: fillPolygons(polygons, wh) });
  }

  /** Makes a mask of the pixels inside or on the outline. */
  static fromPolygon(polygon: Polygon, wh: readonly [number, number]): Mask {
    return Mask.fromPolygons([polygon], wh);
  }

  /**
   * Returns the union of masks.
   *
   * @throws `INVALID_ARGUMENT` for no masks, or masks of different sizes.
   */
  static union(masks: readonly Mask[]): Mask {
    const [first] = masks;
    if (first === undefined) {
      throw new OrangeryError("INVALID_ARGUMENT", "Expected one mask or more, got none.");
    }
    for (const mask of masks) first.#assertSameSize(mask);
    const { widthPx, heightPx } = first;
    let all = masks.map((mask) => mask.counts);
    // In pairs, so that no run is visited more than log₂ n times.
    while (all.length > 1) {
      const pairs = Array.from({ length: all.length >> 1 }, (_, i) =>
        uniteRuns(all[2 * i]!, all[2 * i + 1]!, widthPx * heightPx),
      );
      all = all.length % 2 === 0 ? pairs : [...pairs, all.at(-1)!];
    }
    return new Mask({ widthPx, heightPx, counts: all[0]! });
  }

  /** The number of pixels inside. */
  get areaPx(): number {
    let area = 0;
    for (let i = 1; i < this.counts.length; i += 2) area += this.counts[i]!;
    return area;
  }

  /**
   * The smallest box around the pixels: left, top, and right, bottom just outside; undefined if
   * empty.
   */
  get boxXyxy(): [number, number, number, number] | undefined {
    const { counts, heightPx } = this;
    let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
    for (let i = 1, start = counts[0] ?? 0; i < counts.length; i += 2) {
      const end = start + counts[i]!;
      if (end > start) {
        const first = Math.floor(start / heightPx);
        const last = Math.floor((end - 1) / heightPx);
        left = Math.min(left, first);
        right = last + 1;
        // A run over several columns reaches the bottom of one and the top of the next.
        top = Math.min(top, first === last ? start - first * heightPx : 0);
        bottom = Math.max(bottom, first === last ? end - last * heightPx : heightPx);
      }
      start = end + (counts[i + 1] ?? 0);
    }
    return right < 0 ? undefined : [left, top, right, bottom];
  }

  /** Lists the runs inside, split at the columns: [x, y1, y2), column by column. */
  *columnRuns(): Generator<ColumnRun> {
    const { counts, heightPx } = this;
    for (let i = 1, start = counts[0] ?? 0; i < counts.length; i += 2) {
      const end = start + counts[i]!;
      while (start < end) {
        const x = Math.floor(start / heightPx);
        const stop = Math.min(end, (x + 1) * heightPx);
        yield [x, start - x * heightPx, stop - x * heightPx];
        start = stop;
      }
      start += counts[i + 1] ?? 0;
    }
  }

  /** Returns one byte per pixel, row by row: 1 inside, 0 outside. */
  toBitmap(): Uint8Array {
    const { widthPx } = this;
    const bitmap = new Uint8Array(widthPx * this.heightPx);
    for (const [x, y1, y2] of this.columnRuns()) {
      for (let y = y1; y < y2; y++) bitmap[y * widthPx + x] = 1;
    }
    return bitmap;
  }

  /** Returns COCO's uncompressed form, ready for JSON. */
  toRle(): { size: [number, number]; counts: number[] } {
    return { size: [this.heightPx, this.widthPx], counts: Array.from(this.counts) };
  }

  /** As {@link toRle}: `JSON.stringify` would write the counts as an object. */
  toJSON(): ReturnType<Mask["toRle"]> {
    return this.toRle();
  }

  /**
   * Returns the outer outline of each connected part (pixels that touch at a corner are connected),
   * through the outermost pixels; only points where the direction changes, as `CHAIN_APPROX_SIMPLE`
   * does. Holes, and parts inside them, are left out.
   */
  toPolygons(): [number, number][][] {
    const box = this.boxXyxy;
    return box === undefined ? [] : traceContours([...this.columnRuns()], box);
  }

  /** Whether the pixel is inside; false outside the picture. */
  contains(x: number, y: number): boolean {
    const column = Math.floor(x);
    const row = Math.floor(y);
    if (!(column >= 0 && column < this.widthPx && row >= 0 && row < this.heightPx)) return false;
    this.#ends ??= cumulate(this.counts);
    const position = column * this.heightPx + row;
    let low = 0;
    for (let high = this.#ends.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.#ends[middle]! > position) high = middle;
      else low = middle + 1;
    }
    return low % 2 === 1;
  }

  /**
   * Returns the intersection over union, 0…1; 0 for two empty masks.
   *
   * @throws `INVALID_ARGUMENT` when the masks are of different sizes.
   */
  iou(other: Mask): number {
    this.#assertSameSize(other);
    const intersection = intersectRuns(this.counts, other.counts);
    const union = this.areaPx + other.areaPx - intersection;
    return union === 0 ? 0 : intersection / union;
  }

  /**
   * Returns the intersection over the smaller of the two areas, 0…1; 0 where one is empty.
   *
   * @throws `INVALID_ARGUMENT` when the masks are of different sizes.
   */
  ios(other: Mask): number {
    this.#assertSameSize(other);
    const smaller = Math.min(this.areaPx, other.areaPx);
    return smaller === 0 ? 0 : intersectRuns(this.counts, other.counts) / smaller;
  }

  /**
   * Places the mask of a slice on its photo.
   *
   * @throws `INVALID_ARGUMENT` when the slice does not lie within the photo.
   */
  placeIn(
    [widthPx, heightPx]: readonly [number, number],
    [left, top]: readonly [number, number],
  ): Mask {
    const fits =
      [widthPx, heightPx, left, top].every(Number.isInteger) &&
      left >= 0 &&
      top >= 0 &&
      left + this.widthPx <= widthPx &&
      top + this.heightPx <= heightPx;
    if (!fits) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a mask of ${this.widthPx}×${this.heightPx} px at ${left}, ${top} to lie within ` +
          `${widthPx}×${heightPx} px.`,
      );
    }
    const runs = new RunLengths();
    for (const [x, y1, y2] of this.columnRuns()) {
      runs.add((left + x) * heightPx + top + y1, y2 - y1);
    }
    return new Mask({ widthPx, heightPx, counts: runs.finish(widthPx * heightPx) });
  }

  #assertSameSize(other: Mask): void {
    if (other.widthPx === this.widthPx && other.heightPx === this.heightPx) return;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected masks of one size, got ${this.widthPx}×${this.heightPx} and ` +
        `${other.widthPx}×${other.heightPx}.`,
    );
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

/** Merges the runs of both, always taking the one that starts first. */
function uniteRuns(a: Uint32Array, b: Uint32Array, total: number): Uint32Array {
  const runs = new RunLengths();
  let [i, j] = [1, 1];
  let [aStart, bStart] = [a[0] ?? 0, b[0] ?? 0];
  let [start, end] = [0, 0];
  while (i < a.length || j < b.length) {
    const isA = j >= b.length || (i < a.length && aStart <= bStart);
    const nextStart = isA ? aStart : bStart;
    const nextEnd = nextStart + (isA ? a[i]! : b[j]!);
    if (nextStart > end) {
      runs.add(start, end - start);
      start = nextStart;
    }
    end = Math.max(end, nextEnd);
    if (isA) {
      aStart = nextEnd + (a[i + 1] ?? 0);
      i += 2;
    } else {
      bStart = nextEnd + (b[j + 1] ?? 0);
      j += 2;
    }
  }
  runs.add(start, end - start);
  return runs.finish(total);
}
