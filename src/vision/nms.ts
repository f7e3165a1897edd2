import { boxIou } from "./boxes.ts";
import type { Candidates } from "./candidates.ts";

export interface NmsOptions {
  /** A box is suppressed when its IoU with a better one is above this. Default 0.7. */
  readonly iou?: number;
  /** How many boxes are kept at most. Default 300. */
  readonly maxDetections?: number;
  /** Let boxes of different classes suppress each other. Default false. */
  readonly classAgnostic?: boolean;
  /** How many of the best candidates are looked at. Default 30,000. */
  readonly maxCandidates?: number;
}

/** By how much each class is moved away from the one before it, px. */
const classOffset = 7680;

/**
 * Greedy non-maximum suppression: best score first, of equals the earlier candidate. Order and
 * arithmetic are those of Ultralytics with torchvision, float32 including the class offset, which
 * coarsens boxes of high class ids (1/16 px at class 79) and so takes part in what is suppressed.
 *
 * @returns Indices into `candidates`, best score first.
 */
export function nms(
  candidates: Pick<Candidates, "boxesXyxy" | "scores" | "classIds">,
  {
    iou = 0.7,
    maxDetections = 300,
    classAgnostic = false,
    maxCandidates = 30_000,
  }: NmsOptions = {},
): Int32Array {
  const { scores, classIds } = candidates;
  const order = Int32Array.from(scores.keys())
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .subarray(0, maxCandidates);
  const boxes = candidates.boxesXyxy.slice();
  if (!classAgnostic) {
    for (let i = 0; i < boxes.length; i++) boxes[i] += classIds[i >> 2] * classOffset;
  }
  const kept: number[] = [];
  const neighbours = new NeighbourGrid(boxes);
  for (const candidate of order) {
    if (kept.length >= maxDetections) break;
    // The threshold stays a float64, as in torchvision.
    if (neighbours.some(candidate, (other) => boxIou(boxes, other, boxes, candidate) > iou))
      continue;
    kept.push(candidate);
    neighbours.add(candidate);
  }
  return Int32Array.from(kept);
}

/** More cells than this are not worth it: such a box is compared with all. */
const maxCellsPerBox = 64;
/** Cells are told apart by `column · cellColumns + row`; coordinates beyond that collide, harmlessly. */
const cellColumns = 2 ** 24;

/**
 * Finds which added boxes may overlap a given one, so that crowded pictures need not compare all with
 * all. It may offer a box twice or one that does not overlap, and never misses one that does: two
 * boxes that overlap share a cell, unless one of them is large, and those are always compared.
 */
class NeighbourGrid {
  readonly #boxes: Float32Array;
  readonly #cellSize: number;
  readonly #cells = new Map<number, number[]>();
  readonly #large: number[] = [];
  readonly #all: number[] = [];

  constructor(boxes: Float32Array) {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < boxes.length; i += 4) {
      const size = boxes[i + 2] - boxes[i] + boxes[i + 3] - boxes[i + 1];
      if (!(size > 0 && size < classOffset)) continue;
      sum += size;
      count++;
    }
    this.#boxes = boxes;
    this.#cellSize = Math.max(8, sum / Math.max(1, count));
  }

  add(index: number): void {
    this.#all.push(index);
    const cells = this.#cellsOf(index);
    if (cells === undefined) this.#large.push(index);
    for (const cell of cells ?? []) {
      const members = this.#cells.get(cell);
      if (members) members.push(index);
      else this.#cells.set(cell, [index]);
    }
  }

  some(index: number, test: (other: number) => boolean): boolean {
    const cells = this.#cellsOf(index);
    if (cells === undefined) return this.#all.some(test);
    return this.#large.some(test) || cells.some((cell) => this.#cells.get(cell)?.some(test));
  }

  /** The cells that a box touches; undefined for a large box or one with broken coordinates. */
  #cellsOf(index: number): number[] | undefined {
    const cell = (offset: number) => Math.floor(this.#boxes[4 * index + offset] / this.#cellSize);
    const [left, top, right, bottom] = [cell(0), cell(1), cell(2), cell(3)] as const;
    if (!((right - left + 1) * (bottom - top + 1) <= maxCellsPerBox)) return undefined;
    const cells: number[] = [];
    for (let x = left; x <= right; x++) {
      for (let y = top; y <= bottom; y++) cells.push(x * cellColumns + y);
    }
    return cells;
  }
}
