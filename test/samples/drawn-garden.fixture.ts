import type { Picture } from "../../src/vision/photo/picture.ts";

export type Rgb = readonly [number, number, number];
export type Point = readonly [x: number, y: number];

/** A picture to draw on, with soil all over: brown, with soft spots and some grain. */
export class DrawnGarden {
  readonly #data: Uint8Array;
  readonly #widthPx: number;
  readonly #heightPx: number;

  constructor(widthPx: number, heightPx: number, ground: Rgb = [110, 85, 60]) {
    this.#widthPx = widthPx;
    this.#heightPx = heightPx;
    this.#data = new Uint8Array(3 * widthPx * heightPx);
    this.#paint(ground, () => true);
  }

  /** A dark bed with a light frame around. */
  bed(polygon: readonly Point[], frame: Rgb = [200, 180, 190], framePx = 5): this {
    this.#paint([48, 42, 36], (x, y) => insideBy(polygon, x, y) > 0);
    this.#paint(frame, (x, y) => Math.abs(insideBy(polygon, x, y)) <= framePx / 2);
    return this;
  }

  /** A plant of six leaves. */
  plant([centreX, centreY]: Point, radiusPx: number, leaf: Rgb = [60, 130, 50]): this {
    this.#paint(leaf, (x, y) => {
      const [dx, dy] = [x - centreX, y - centreY];
      return Math.hypot(dx, dy) <= radiusPx * (0.35 + 0.65 * Math.cos(3 * Math.atan2(dy, dx)) ** 2);
    });
    return this;
  }

  /** A round grey stone. */
  stone([centreX, centreY]: Point, radiusPx: number): this {
    this.#paint([150, 150, 150], (x, y) => Math.hypot(x - centreX, y - centreY) <= radiusPx);
    return this;
  }

  toPicture(): Picture {
    return { data: this.#data, widthPx: this.#widthPx, heightPx: this.#heightPx };
  }

  #paint(colour: Rgb, covers: (x: number, y: number) => boolean): void {
    for (let y = 0; y < this.#heightPx; y++) {
      for (let x = 0; x < this.#widthPx; x++) {
        if (!covers(x + 0.5, y + 0.5)) continue;
        const light = 1 + 0.15 * Math.sin(x / 90) * Math.cos(y / 70) + 0.02 * Math.sin(x * y);
        for (const [channel, value] of colour.entries()) {
          this.#data[3 * (y * this.#widthPx + x) + channel] = Math.min(255, value * light);
        }
      }
    }
  }
}

/** How far a point lies inside a convex polygon that runs clockwise, px; negative outside. */
function insideBy(polygon: readonly Point[], x: number, y: number): number {
  let least = Infinity;
  let [x1, y1] = polygon.at(-1)!;
  for (const [x2, y2] of polygon) {
    const distance = ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / Math.hypot(x2 - x1, y2 - y1);
    least = Math.min(least, distance);
    [x1, y1] = [x2, y2];
  }
  return least;
}
