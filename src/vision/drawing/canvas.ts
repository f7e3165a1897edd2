import type { Mask } from "../masks/mask.ts";
import type { Picture } from "../photo/picture.ts";

/** Red, green, blue, 0…255 each. */
export type Rgb = readonly [number, number, number];
export type Point = readonly [number, number];

export interface Ink {
  readonly colour: Rgb;
  /** 0…1. Default 1. */
  readonly alpha?: number;
}

/** Strokes are painted in parts of this many points, to keep the area of each part small. */
const pointsPerPart = 64;

/** A copy of a picture to draw on. What reaches over the edges is cut off. */
export class Canvas {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly #data: Uint8Array;

  /** @param extraBelowPx The number of black rows to add below the picture. */
  constructor({ data, widthPx, heightPx }: Picture, extraBelowPx = 0) {
    this.widthPx = widthPx;
    this.heightPx = heightPx + extraBelowPx;
    this.#data = new Uint8Array(3 * widthPx * this.heightPx);
    this.#data.set(data);
  }

  /** Returns the picture as drawn so far, not a copy. */
  toPicture(): Picture {
    return { data: this.#data, widthPx: this.widthPx, heightPx: this.heightPx };
  }

  /** Tints the pixels of a mask, which is as wide as the canvas and not taller. */
  fillMask(mask: Mask, { colour, alpha = 1 }: Ink): void {
    const data = this.#data;
    const [red, green, blue] = colour.map((value) =>
      Uint8Array.from({ length: 256 }, (_, under) => under + (value - under) * alpha + 0.5),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    const rowBytes = 3 * this.widthPx;
    for (const [x, y1, y2] of mask.columnRuns()) {
      const end = y2 * rowBytes;
      for (let at = y1 * rowBytes + 3 * x; at < end; at += rowBytes) {
        data[at] = red[data[at]!]!;
        data[at + 1] = green[data[at + 1]!]!;
        data[at + 2] = blue[data[at + 2]!]!;
      }
    }
  }

  /** Fills a box of whole pixels (others are rounded), its corners rounded by a radius. */
  fillBox(boxXyxy: ArrayLike<number>, { colour, alpha = 1 }: Ink, radiusPx = 0): void {
    const [x1, y1, x2, y2] = Array.from(boxXyxy, Math.round) as [number, number, number, number];
    const radius = Math.min(radiusPx, (x2 - x1) / 2, (y2 - y1) / 2);
    const [left, right] = [Math.max(0, x1), Math.min(this.widthPx, x2)];
    for (let y = Math.max(0, y1); y < Math.min(this.heightPx, y2); y++) {
      // The distance of the pixel's centre beyond the centre of the nearest corner's circle.
      const dy = Math.max(y1 + radius - y - 0.5, y + 0.5 - y2 + radius, 0);
      for (let x = left; x < right; x++) {
        const dx = Math.max(x1 + radius - x - 0.5, x + 0.5 - x2 + radius, 0);
        const isCorner = dx > 0 && dy > 0;
        const cover = isCorner ? Math.min(1, radius + 0.5 - Math.sqrt(dx * dx + dy * dy)) : 1;
        if (cover > 0) this.#blend(y * this.widthPx + x, colour, alpha * cover);
      }
    }
  }

  /** Draws the frame of a box along whole pixels, with its outer edge on the box. */
  frameBox(boxXyxy: ArrayLike<number>, ink: Ink, lineWidthPx: number): void {
    const [x1, y1, x2, y2] = Array.from(boxXyxy, Math.round) as [number, number, number, number];
    const width = Math.max(1, Math.round(lineWidthPx));
    if (x2 - x1 <= 2 * width || y2 - y1 <= 2 * width) {
      this.fillBox([x1, y1, Math.max(x2, x1 + 1), Math.max(y2, y1 + 1)], ink);
      return;
    }
    this.fillBox([x1, y1, x2, y1 + width], ink);
    this.fillBox([x1, y2 - width, x2, y2], ink);
    this.fillBox([x1, y1 + width, x1 + width, y2 - width], ink);
    this.fillBox([x2 - width, y1 + width, x2, y2 - width], ink);
  }

  /** Draws lines with round ends and joins, smoothed; a line of one point is a dot. */
  stroke(lines: readonly (readonly Point[])[], ink: Ink, lineWidthPx: number): void {
    for (const line of lines) {
      for (let start = 0; start < line.length; start += pointsPerPart) {
        this.#strokePart(line.slice(start, start + pointsPerPart + 1), ink, lineWidthPx / 2);
      }
    }
  }

  /** Collects the coverage of a part before blending it, so that joints are not painted twice. */
  #strokePart(points: readonly Point[], { colour, alpha = 1 }: Ink, radius: number): void {
    const reach = radius + 1;
    const xs = points.map(([x]) => x);
    const ys = points.map(([, y]) => y);
    const left = Math.max(0, Math.floor(Math.min(...xs) - reach));
    const top = Math.max(0, Math.floor(Math.min(...ys) - reach));
    const right = Math.min(this.widthPx, Math.ceil(Math.max(...xs) + reach));
    const bottom = Math.min(this.heightPx, Math.ceil(Math.max(...ys) + reach));
    if (right <= left || bottom <= top) return;
    const width = right - left;
    const covers = new Float32Array(width * (bottom - top));
    for (const [i, [x1, y1]] of points.entries()) {
      const [x2, y2] = points[i + 1] ?? [x1, y1];
      const dx = x2 - x1;
      const dy = y2 - y1;
      const lengthSquared = dx * dx + dy * dy || 1;
      const yEnd = Math.min(bottom, Math.ceil(Math.max(y1, y2) + reach));
      const xEnd = Math.min(right, Math.ceil(Math.max(x1, x2) + reach));
      const xStart = Math.max(left, Math.floor(Math.min(x1, x2) - reach));
      for (let y = Math.max(top, Math.floor(Math.min(y1, y2) - reach)); y < yEnd; y++) {
        for (let x = xStart; x < xEnd; x++) {
          const px = x + 0.5 - x1;
          const py = y + 0.5 - y1;
          const along = Math.min(1, Math.max(0, (px * dx + py * dy) / lengthSquared));
          const distance = Math.sqrt((px - along * dx) ** 2 + (py - along * dy) ** 2);
          const cover = Math.min(1, radius + 0.5 - distance);
          const at = (y - top) * width + x - left;
          if (cover > covers[at]!) covers[at] = cover;
        }
      }
    }
    for (let y = top, at = 0; y < bottom; y++) {
      for (let x = left; x < right; x++, at++) {
        if (covers[at]! > 0) this.#blend(y * this.widthPx + x, colour, alpha * covers[at]!);
      }
    }
  }

  #blend(pixel: number, [red, green, blue]: Rgb, alpha: number): void {
    const data = this.#data;
    const at = 3 * pixel;
    data[at] = data[at]! + (red - data[at]!) * alpha + 0.5;
    data[at + 1] = data[at + 1]! + (green - data[at + 1]!) * alpha + 0.5;
    data[at + 2] = data[at + 2]! + (blue - data[at + 2]!) * alpha + 0.5;
  }
}
