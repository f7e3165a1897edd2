import { RunLengths } from "./run-lengths.ts";

/** A rectangle of cells or pixels; left and top are inside, right and bottom just outside. */
export interface CellBounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The place of each pixel of an enlarged axis between two cells. */
export interface Axis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** The weight of the second cell, 0…1; never decreases while `first` stays the same. */
  readonly fraction: Float64Array;
  /** The first pixel past each cell. */
  readonly ends: Int32Array;
  readonly pixelsPerCell: number;
}

/**
 * Spreads cells over pixels by their centres: source = (pixel + 0.5) · cells / pixels − 0.5, at
 * least 0.
 */
export function enlargeAxis(cells: number, pixels: number): Axis {
  const first = new Int32Array(pixels);
  const second = new Int32Array(pixels);
  const fraction = new Float64Array(pixels);
  const ends = new Int32Array(cells);
  for (let i = 0; i < pixels; i++) {
    const position = Math.max(0, ((i + 0.5) * cells) / pixels - 0.5);
    first[i] = Math.min(Math.floor(position), cells - 1);
    second[i] = Math.min(first[i]! + 1, cells - 1);
    fraction[i] = position - first[i]!;
    ends[first[i]!] = i + 1;
  }
  return { first, second, fraction, ends, pixelsPerCell: pixels / cells };
}

export interface LevelSetOptions {
  /** The cells of `region`, row by row. */
  readonly logits: Float32Array;
  /** All cells between which the pixels of `box` lie. */
  readonly region: CellBounds;
  /** The pixels that are traced; not empty. */
  readonly box: CellBounds;
  readonly columns: Axis;
  readonly rows: Axis;
}

/**
 * Traces the pixels of a box where the bilinear interpolation of logits is above 0, without
 * visiting each pixel. Returns their run lengths; undefined if there are none.
 *
 * If all corners of a patch between four cells are above 0, so are all its pixels; if no corner is,
 * no pixel is. Elsewhere, down a column, the value is linear between two rows of cells, so its sign
 * changes at most once. Both hold in floating point, too: weights are not negative and are monotone
 * along the column, and rounding a product or a sum keeps the order.
 */
export function traceLevelSet(options: LevelSetOptions): Uint32Array | undefined {
  const { logits, region, box, columns, rows } = options;
  const { first, second, fraction: rowFraction } = rows;
  const regionWidth = region.right - region.left;
  const pictureHeight = first.length;
  const runs = new RunLengths();
  const isAbove = (y: number, a: number, b: number) =>
    a * (1 - rowFraction[y]!) + b * rowFraction[y]! > 0;

  let spans: readonly Span[] = [];
  for (let x = box.left; x < box.right; x++) {
    const left = columns.first[x]! - region.left;
    const right = columns.second[x]! - region.left;
    if (x === box.left || columns.first[x] !== columns.first[x - 1]) {
      spans = spansOf(options, left, right);
    }
    const fraction = columns.fraction[x]!;
    const origin = x * pictureHeight;
    for (const { start, end, isMixed } of spans) {
      if (!isMixed) {
        runs.add(origin + start, end - start);
        continue;
      }
      const upper = (first[start]! - region.top) * regionWidth;
      const lower = (second[start]! - region.top) * regionWidth;
      const a = logits[upper + left]! * (1 - fraction) + logits[upper + right]! * fraction;
      const b = logits[lower + left]! * (1 - fraction) + logits[lower + right]! * fraction;
      if (a > 0 && b > 0) {
        runs.add(origin + start, end - start);
      } else if (a > 0 || b > 0) {
        // A guess, then steps of one pixel to the actual change.
        const crossing = (first[start]! + a / (a - b) + 0.5) * rows.pixelsPerCell - 0.5;
        let y = crossing > start ? Math.min(Math.ceil(crossing), end) : start;
        while (y < end && isAbove(y, a, b) === a > 0) y++;
        while (y > start && isAbove(y - 1, a, b) !== a > 0) y--;
        if (a > 0) runs.add(origin + start, y - start);
        else runs.add(origin + y, end - y);
      }
    }
  }
  return runs.isEmpty ? undefined : runs.finish(columns.first.length * pictureHeight);
}

/** Pixels `start` … `end − 1` of a column; a mixed span lies between two rows of cells. */
interface Span {
  readonly start: number;
  readonly end: number;
  /** Whether some corners are above 0 and others not. */
  readonly isMixed: boolean;
}

/**
 * The spans of the pixel columns between two columns of cells; those with nothing above 0 are left
 * out.
 */
function spansOf(
  { logits, region, box, rows }: LevelSetOptions,
  left: number,
  right: number,
): Span[] {
  const regionWidth = region.right - region.left;
  /** The number of a row's two cells that are above 0. */
  const aboveIn = (row: number) => {
    const at = (row - region.top) * regionWidth;
    return Number(logits[at + left]! > 0) + Number(logits[at + right]! > 0);
  };
  const spans: { start: number; end: number; isMixed: boolean }[] = [];
  for (let start = box.top; start < box.bottom; ) {
    const end = Math.min(box.bottom, rows.ends[rows.first[start]!]!);
    const above = aboveIn(rows.first[start]!) + aboveIn(rows.second[start]!);
    const isMixed = above < 4;
    const last = spans.at(-1);
    if (!isMixed && last?.end === start && !last.isMixed) last.end = end;
    else if (above > 0) spans.push({ start, end, isMixed });
    start = end;
  }
  return spans;
}
