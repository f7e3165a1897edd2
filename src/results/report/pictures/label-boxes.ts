/** Left, top, right, bottom. */
export type LabelBox = readonly [x1: number, y1: number, x2: number, y2: number];

/** Places of labels on a picture, of which none may cover another. */
export class LabelBoxes {
  readonly #placed: LabelBox[] = [];

  /** The first of the places that is free, which then is taken; undefined where none is. */
  place(places: readonly LabelBox[]): LabelBox | undefined {
    const free = places.find((place) => !this.#placed.some((other) => overlap(place, other)));
    if (free !== undefined) this.#placed.push(free);
    return free;
  }
}

function overlap(a: LabelBox, b: LabelBox): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

/** About how wide a text is in bold letters of a height, whatever sans-serif font a reader has. */
export function textWidth(text: string, heightPx: number): number {
  let ems = 0;
  for (const character of text) ems += character > "\u1100" ? 1.1 : 0.66;
  return ems * heightPx;
}
