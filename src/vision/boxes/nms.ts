import { selectBoxes } from "./boxes.ts";
import type { Candidates } from "./candidates.ts";
import { matchGreedily } from "./greedy-matching.ts";

export interface NmsOptions {
  /** A box is suppressed when its IoU with a better box is above this. Default 0.7. */
  readonly iou?: number;
  /** The most boxes that are kept. Default 300. */
  readonly maxDetections?: number;
  /** Let boxes of different classes suppress each other. Default false. */
  readonly classAgnostic?: boolean;
  /** The number of best candidates that are considered. Default 30,000. */
  readonly maxCandidates?: number;
}

/** The distance by which the boxes of each class are moved from those of the one before, px. */
const classOffset = 7680;

/**
 * Suppresses boxes greedily (non-maximum suppression): best score first, of equals the earlier
 * candidate. Order and arithmetic are those of Ultralytics with torchvision, float32 including the
 * class offset, which coarsens boxes of high class ids (1/16 px at class 79) and so affects the
 * result.
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
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .subarray(0, maxCandidates);
  const boxes = selectBoxes(candidates.boxesXyxy, order);
  if (!classAgnostic) {
    for (let i = 0; i < boxes.length; i++) boxes[i]! += classIds[order[i >> 2]!]! * classOffset;
  }
  const kept: number[] = [];
  if (maxDetections <= 0) return Int32Array.from(kept);
  const matching = { metric: "iou", threshold: iou } as const;
  // The threshold stays a float64, as in torchvision.
  for (const { best } of matchGreedily(boxes, matching, (overlap) => overlap > iou)) {
    kept.push(order[best]!);
    if (kept.length >= maxDetections) break;
  }
  return Int32Array.from(kept);
}
