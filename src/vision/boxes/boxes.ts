import type { Letterbox } from "../letterbox/plan-letterbox.ts";
import { roundHalfEven } from "../rounding.ts";

// Every step is rounded to float32, in which the reference computes: `Math.fround` of one float64
// operation on float32 values is exactly the float32 operation.
const f32 = Math.fround;

/** Converts boxes from centre, width and height to corners: x1, y1, x2, y2, in float32. */
export function xywhToXyxy(boxesXywh: Float32Array): Float32Array {
  const boxesXyxy = new Float32Array(boxesXywh.length);
  for (let i = 0; i < boxesXywh.length; i += 4) {
    const halfWidth = f32(boxesXywh[i + 2]! / 2);
    const halfHeight = f32(boxesXywh[i + 3]! / 2);
    boxesXyxy[i] = boxesXywh[i]! - halfWidth;
    boxesXyxy[i + 1] = boxesXywh[i + 1]! - halfHeight;
    boxesXyxy[i + 2] = boxesXywh[i]! + halfWidth;
    boxesXyxy[i + 3] = boxesXywh[i + 1]! + halfHeight;
  }
  return boxesXyxy;
}

/** Returns the boxes at `indices`, in that order. */
export function selectBoxes(boxesXyxy: Float32Array, indices: ArrayLike<number>): Float32Array {
  const selected = new Float32Array(4 * indices.length);
  for (let i = 0; i < selected.length; i++) {
    selected[i] = boxesXyxy[4 * indices[i >> 2]! + (i & 3)]!;
  }
  return selected;
}

/**
 * Converts boxes of the network's input to the photo and clamps them to it: Ultralytics'
 * `scale_boxes`. It computes the padding from the gain, which may differ from the letterbox's by a
 * pixel.
 */
export function scaleBoxes(boxesXyxy: Float32Array, plan: Letterbox): Float32Array {
  const { inputWidth, inputHeight, photoWidth, photoHeight } = plan;
  const padX = roundHalfEven((inputWidth - roundHalfEven(photoWidth * plan.gain)) / 2 - 0.1);
  const padY = roundHalfEven((inputHeight - roundHalfEven(photoHeight * plan.gain)) / 2 - 0.1);
  const gain = f32(plan.gain);
  const scaled = new Float32Array(boxesXyxy.length);
  for (let i = 0; i < boxesXyxy.length; i += 2) {
    scaled[i] = clamp(f32(f32(boxesXyxy[i]! - padX) / gain), photoWidth);
    scaled[i + 1] = clamp(f32(f32(boxesXyxy[i + 1]! - padY) / gain), photoHeight);
  }
  return scaled;
}

/**
 * Returns the intersection over union of box `i` of `a` and box `j` of `b`, 0…1 in float32; NaN for
 * two boxes without area. The area is (x2−x1)·(y2−y1), without the epsilon that some libraries add.
 */
export function boxIou(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const intersection = intersectBoxes(a, i, b, j);
  return f32(intersection / f32(f32(boxArea(a, i) + boxArea(b, j)) - intersection));
}

/**
 * Returns the intersection over the smaller area of box `i` of `a` and box `j` of `b`, 0…1 in
 * float32; not a finite number where a box has no area.
 */
export function boxIos(a: Float32Array, i: number, b: Float32Array, j: number): number {
  return f32(intersectBoxes(a, i, b, j) / Math.min(boxArea(a, i), boxArea(b, j)));
}

function intersectBoxes(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const p = 4 * i;
  const q = 4 * j;
  const width = f32(Math.min(a[p + 2]!, b[q + 2]!) - Math.max(a[p]!, b[q]!));
  const height = f32(Math.min(a[p + 3]!, b[q + 3]!) - Math.max(a[p + 1]!, b[q + 1]!));
  return f32(Math.max(0, width) * Math.max(0, height));
}

/** Whether two boxes have an area in common. */
export function doBoxesMeet(a: BoxXyxy, b: BoxXyxy): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}

type BoxXyxy = readonly [x1: number, y1: number, x2: number, y2: number];

/** The area of box `i` in float32, px². */
export function boxArea(boxesXyxy: Float32Array, i: number): number {
  const p = 4 * i;
  return f32(f32(boxesXyxy[p + 2]! - boxesXyxy[p]!) * f32(boxesXyxy[p + 3]! - boxesXyxy[p + 1]!));
}

function clamp(value: number, max: number): number {
  return Math.min(Math.max(value, 0), max);
}
