import { doBoxesMeet } from "../boxes/boxes.ts";

/** Left, top, right, bottom. */
export type LabelBox = readonly [x1: number, y1: number, x2: number, y2: number];

/** The labels on a picture, of which none covers another. */
export class LabelBoxes {
  readonly #placed: LabelBox[] = [];

  /** Takes the first of the places that is free, and returns it; undefined where none is. */
  place(places: readonly LabelBox[]): LabelBox | undefined {
    const free = places.find((place) => !this.#placed.some((other) => doBoxesMeet(place, other)));
    if (free !== undefined) this.#placed.push(free);
    return free;
  }
}
