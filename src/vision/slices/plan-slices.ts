import { optionsOf, refuseUnknown } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { Slice } from "../photo/slice.ts";

/** How a photo is cut into slices. */
export interface SliceOptions {
  /** Width and height of the photo, px. */
  readonly photoWh: readonly [number, number];
  /** Width and height of a slice, px. Default: by the photo's size, see {@link planSlices}. */
  readonly sliceWh?: readonly [number, number] | undefined;
  /**
   * The share of a slice by which neighbours overlap, one number or [x, y], from 0 to below 1.
   * Rounded down to whole pixels. Default 0.2. Automatic slices have an overlap of their own.
   */
  readonly overlap?: number | readonly [number, number] | undefined;
}

/** The whole plan is in memory. */
const maxSlices = 100_000;

/**
 * Plans the slices of a photo as SAHI does (0.12): row by row from the top left, all of one size.
 * Slices that would reach over the right or the lower edge are moved back onto the photo. A side
 * that would be longer than the photo's is cut to it.
 *
 * Without `sliceWh` the photo's area decides, as in SAHI. Up to 2¹⁹ px² the photo is one slice. Up
 * to 2²¹ its longer side is cut into 2 parts, which overlap by 0.8. Up to 2²⁴ the sides are cut
 * into 4 and 2, and above that into 8 and 4, which overlap by 0.4. Both sides of a square are cut
 * like the shorter one. Because of the overlap, there are more slices than that: 6 × 1, 6 × 3 and
 * 13 × 6.
 *
 * @throws `INVALID_ARGUMENT` for sides that are not whole numbers from 1 up or an overlap outside
 *   0…1, `PHOTO_TOO_LARGE` for more than 100,000 slices.
 */
export function planSlices(options: SliceOptions): readonly Slice[] {
  const { photoWh, sliceWh, overlap = 0.2, ...rest } = optionsOf("SliceOptions", options);
  refuseUnknown("SliceOptions", options, rest);
  assertSides("photoWh", photoWh);
  const grid = sliceWh === undefined ? automaticGrid(photoWh) : givenGrid(sliceWh, overlap);
  const stepOf = (axis: 0 | 1) => grid.sliceWh[axis] - grid.overlapPx[axis];
  const sideOf = (axis: 0 | 1) => Math.min(grid.sliceWh[axis], photoWh[axis]);
  const countOf = (axis: 0 | 1) =>
    1 + Math.ceil(Math.max(0, photoWh[axis] - grid.sliceWh[axis]) / stepOf(axis));
  const [width, height] = [sideOf(0), sideOf(1)];
  const [columns, rows] = [countOf(0), countOf(1)];
  if (columns * rows > maxSlices) {
    throw new OrangeryError(
      "PHOTO_TOO_LARGE",
      `Expected at most ${maxSlices} slices, got ${columns}×${rows} of ${width}×${height} px on ` +
        `a photo of ${photoWh.join("×")} px. Make the slices larger or their overlap smaller.`,
      { details: { option: "sliceWh", expected: maxSlices, value: columns * rows } },
    );
  }
  return Object.freeze(
    Array.from({ length: columns * rows }, (_, i) => {
      const left = (i % columns) * stepOf(0);
      const top = Math.floor(i / columns) * stepOf(1);
      return Object.freeze({
        left: Math.min(left, photoWh[0] - width),
        top: Math.min(top, photoWh[1] - height),
        width,
        height,
      });
    }),
  );
}

interface Grid {
  readonly sliceWh: readonly [number, number];
  readonly overlapPx: readonly [number, number];
}

function givenGrid(
  sliceWh: readonly [number, number],
  overlap: number | readonly [number, number],
): Grid {
  assertSides("sliceWh", sliceWh);
  const shares = typeof overlap === "number" ? [overlap, overlap] : overlap;
  if (!(Array.isArray(shares) && shares.length === 2 && shares.every(isShare))) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected `overlap` to be from 0 to below 1, one number or [x, y], got " +
        `\`${String(overlap)}\`.`,
      { details: { option: "overlap", expected: "0 ≤ overlap < 1", value: overlap } },
    );
  }
  const [width, height] = sliceWh;
  return {
    sliceWh,
    overlapPx: [Math.floor(shares[0]! * width), Math.floor(shares[1]! * height)],
  };
}

function automaticGrid([width, height]: readonly [number, number]): Grid {
  const area = width * height;
  if (area <= 2 ** 19) return { sliceWh: [width, height], overlapPx: [0, 0] };
  const [splits, share] = area <= 2 ** 21 ? [1, 0.8] : area <= 2 ** 24 ? [2, 0.4] : [4, 0.4];
  // For a very flat photo, SAHI divides the short side down to 0 and never ends.
  const sideOf = (side: number, other: number) =>
    Math.max(1, Math.floor(side / (side > other ? 2 * splits : splits)));
  const sliceWh = [sideOf(width, height), sideOf(height, width)] as const;
  return {
    sliceWh,
    overlapPx: [Math.floor(sliceWh[0] * share), Math.floor(sliceWh[1] * share)],
  };
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 1;
}

function assertSides(option: string, sides: readonly [number, number]): void {
  const isSide = (side: number) => Number.isSafeInteger(side) && side >= 1;
  if (Array.isArray(sides) && sides.length === 2 && sides.every(isSide)) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected \`${option}\` to be [width, height] in whole pixels from 1 up, got ` +
      `\`${String(sides)}\`.`,
    { details: { option, expected: "[width, height] from 1 up", value: sides } },
  );
}
