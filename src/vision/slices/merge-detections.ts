import {
  checkOptions,
  type Expectation,
  oneOf,
  optionsOf,
  refuseUnknown,
  trueOrFalse,
} from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { Matching } from "../boxes/box-index.ts";
import { selectBoxes } from "../boxes/boxes.ts";
import { matchGreedily } from "../boxes/greedy-matching.ts";
import { Detections } from "../detections.ts";
import { Mask } from "../masks/mask.ts";

/** How objects of overlapping slices become one. */
export interface MergeOptions {
  /**
   * `nms`: of objects that match, the best one stays as it is. `nmm` (greedy non-maximum
   * merging): the best one grows to include the others. Default `nmm`.
   */
  readonly method?: "nms" | "nmm" | undefined;
  /**
   * The measure of overlap: intersection over union, or over the smaller of the two areas, which
   * also finds the part of an object that a slice's edge has cut off. Default `ios`.
   */
  readonly metric?: "iou" | "ios" | undefined;
  /** Boxes match when they overlap by this or more, above 0 to 1. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Let objects of different classes match. Default false. */
  readonly classAgnostic?: boolean | undefined;
}

const shareAboveNone: Expectation = {
  expected: "a number above 0 and up to 1",
  holds: (value) => typeof value === "number" && value > 0 && value <= 1,
};

/**
 * Merges the objects that several slices have found more than once, with SAHI's result (0.12) on
 * the same detections.
 *
 * Each class is merged by itself unless `classAgnostic`; best score first, of equals the one whose
 * box comes first by left, top, right, bottom. Each object that is left matches the later ones that
 * overlap it by `threshold` or more (in float32), and takes them out. With `nmm` it then includes
 * them one by one, as long as the grown box still overlaps the next by more than `threshold` (in
 * float64); one that it does not overlap is lost. The grown object has the union of the boxes and
 * of the masks, the best score, and the class of the better of two; of equals, the class of the
 * included one.
 *
 * Boxes are compared; for objects with masks, the boxes around the masks. Boxes without area match
 * nothing.
 *
 * Unlike SAHI's, the result is sorted: best score first, of equals in SAHI's order, which is class
 * by class. A grown mask keeps its holes, and its box includes all its pixels, where SAHI's lacks
 * the last pixel at the right and below. An object that includes no other keeps its box, even with
 * a mask.
 *
 * @throws `INVALID_ARGUMENT` for options out of range, a coordinate or a score that is not finite,
 *   or masks of different sizes that would be united.
 */
export function mergeDetections(detections: Detections, options: MergeOptions = {}): Detections {
  const {
    method = "nmm",
    metric = "ios",
    threshold = 0.5,
    classAgnostic = false,
    ...rest
  } = optionsOf("MergeOptions", options);
  refuseUnknown("MergeOptions", options, rest);
  checkOptions({ method }, oneOf("nms", "nmm"));
  checkOptions({ metric }, oneOf("iou", "ios"));
  checkOptions({ threshold }, shareAboveNone);
  checkOptions({ classAgnostic }, trueOrFalse);
  assertFinite(detections);
  const boxesXyxy = comparedBoxes(detections);
  const matching = { metric, threshold };
  const leastOverlap = Math.fround(threshold);
  const kept: Kept[] = [];
  for (const order of rankedGroups(detections, boxesXyxy, classAgnostic)) {
    const boxes = selectBoxes(boxesXyxy, order);
    for (const { best, taken } of matchGreedily(boxes, matching, (by) => by >= leastOverlap)) {
      kept.push({ index: order[best]!, taken: taken.map((other) => order[other]!) });
    }
  }
  const { scores } = detections;
  kept.sort((a, b) => scores[b.index]! - scores[a.index]!);
  if (method === "nms") return detections.select(kept.map(({ index }) => index));
  return grow(detections, kept, boxesXyxy, matching);
}

/** An object that is kept, and those that it has taken out, best first. */
interface Kept {
  readonly index: number;
  readonly taken: readonly number[];
}

/** Returns the boxes around the masks; an object without pixels or masks keeps its box. */
function comparedBoxes({ boxesXyxy, masks }: Detections): Float32Array {
  if (masks === undefined) return boxesXyxy;
  const compared = boxesXyxy.slice();
  for (const [i, mask] of masks.entries()) {
    const box = mask.boxXyxy;
    if (box !== undefined) compared.set(box, 4 * i);
  }
  return compared;
}

/** Groups the indices of objects that may match each other, best first: by class, or all. */
function rankedGroups(
  { scores, classIds }: Detections,
  boxes: Float32Array,
  classAgnostic: boolean,
): Int32Array[] {
  const byBox = (a: number, b: number) =>
    boxes[4 * a]! - boxes[4 * b]! ||
    boxes[4 * a + 1]! - boxes[4 * b + 1]! ||
    boxes[4 * a + 2]! - boxes[4 * b + 2]! ||
    boxes[4 * a + 3]! - boxes[4 * b + 3]!;
  const order = Int32Array.from(scores.keys()).sort(
    (a, b) =>
      (classAgnostic ? 0 : classIds[a]! - classIds[b]!) ||
      scores[b]! - scores[a]! ||
      byBox(a, b) ||
      a - b,
  );
  if (classAgnostic) return [order];
  const groups: Int32Array[] = [];
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && classIds[order[end]!] === classIds[order[start]!]) end++;
    groups.push(order.subarray(start, end));
  }
  return groups;
}

/** Grows each kept object by those that it has taken out, as long as its growing box matches. */
function grow(
  detections: Detections,
  kept: readonly Kept[],
  boxesXyxy: Float32Array,
  matching: Matching,
): Detections {
  const { scores, classIds, masks } = detections;
  const grown = detections.select(kept.map(({ index }) => index));
  const grownMasks = grown.masks && [...grown.masks];
  for (const [place, { index, taken }] of kept.entries()) {
    const parts = [index];
    const box = boxesXyxy.slice(4 * index, 4 * index + 4);
    for (const other of taken) {
      const otherBox = boxesXyxy.subarray(4 * other, 4 * other + 4);
      if (!(overlapOf(box, otherBox, matching.metric) > matching.threshold)) continue;
      for (const side of [0, 1]) box[side] = Math.min(box[side]!, otherBox[side]!);
      for (const side of [2, 3]) box[side] = Math.max(box[side]!, otherBox[side]!);
      if (scores[index]! <= scores[other]!) grown.classIds[place] = classIds[other]!;
      parts.push(other);
    }
    if (parts.length === 1) continue;
    grown.boxesXyxy.set(box, 4 * place);
    if (masks && grownMasks) grownMasks[place] = Mask.union(parts.map((part) => masks[part]!));
  }
  return new Detections({ ...grown, masks: grownMasks });
}

/** Returns the overlap of two boxes in float64. */
function overlapOf(a: Float32Array, b: Float32Array, metric: Matching["metric"]): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  const both = Math.max(0, width) * Math.max(0, height);
  const areaOf = (box: Float32Array) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
  const [areaA, areaB] = [areaOf(a), areaOf(b)];
  return both / (metric === "iou" ? areaA + areaB - both : Math.min(areaA, areaB));
}

function assertFinite({ boxesXyxy, scores }: Detections): void {
  for (const [name, values] of Object.entries({ boxesXyxy, scores })) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected finite \`${name}\`, got ${values[at]} at ${at}. Check the model on another device.`,
      { details: { name, at, value: values[at] } },
    );
  }
}
