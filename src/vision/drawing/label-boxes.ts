/** Left, top, right, bottom. */
export type LabelBox = readonly [x1: number, y1: number, x2: number, y2: number];

/** The labels on a picture, of which none covers another. */
export class LabelBoxes {
  readonly #placed: LabelBox[] = [];

  /** Takes the first of the places that is free, and returns it; undefined where none is. */
  place(places: readonly LabelBox[]): LabelBox | undefined {
    const free = places.find((place) => !this.#placed.some((other) => overlap(place, other)));
    if (free !== undefined) this.#placed.push(free);
    return free;
  }
}

function overlap(a: LabelBox, b: LabelBox): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
