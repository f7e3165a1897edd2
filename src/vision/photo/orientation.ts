import type { Slice } from "./slice.ts";

/**
 * How a photo must be turned to be upright: EXIF's orientation, 1 to 8. In the upright photo, x may
 * run along the stored columns (5 to 8), and either axis backwards.
 */
export class Orientation {
  readonly #hasSwappedAxes: boolean;
  readonly #isXReversed: boolean;
  readonly #isYReversed: boolean;
  readonly #storedWh: readonly [number, number];

  /** @param value Anything but 2 to 8 means upright. */
  constructor(value: number | undefined, storedWh: readonly [number, number]) {
    const isOneOf = (...values: number[]) => values.includes(value ?? 1);
    this.#hasSwappedAxes = isOneOf(5, 6, 7, 8);
    this.#isXReversed = isOneOf(2, 3, 6, 7);
    this.#isYReversed = isOneOf(3, 4, 7, 8);
    this.#storedWh = storedWh;
  }

  /** Width and height of the upright photo, px. */
  get uprightWh(): readonly [number, number] {
    const [width, height] = this.#storedWh;
    return this.#hasSwappedAxes ? [height, width] : [width, height];
  }

  /** Returns where a part of the upright photo is stored. */
  toStored({ left, top, width, height }: Slice): Slice {
    const [photoWidth, photoHeight] = this.uprightWh;
    const x = this.#isXReversed ? photoWidth - left - width : left;
    const y = this.#isYReversed ? photoHeight - top - height : top;
    return this.#hasSwappedAxes
      ? { left: y, top: x, width: height, height: width }
      : { left: x, top: y, width, height };
  }

  /**
   * Returns how to step over an upright part while its stored pixels are read row by row: the place
   * of the first pixel, and the steps to the next column and to the next row, in pixels.
   */
  walk({ width, height }: Pick<Slice, "width" | "height">): Walk {
    const stepX = this.#isXReversed ? -1 : 1;
    const stepY = this.#isYReversed ? -width : width;
    return {
      start: (this.#isXReversed ? width - 1 : 0) + (this.#isYReversed ? width * (height - 1) : 0),
      column: this.#hasSwappedAxes ? stepY : stepX,
      row: this.#hasSwappedAxes ? stepX : stepY,
    };
  }
}

export interface Walk {
  readonly start: number;
  readonly column: number;
  readonly row: number;
}
