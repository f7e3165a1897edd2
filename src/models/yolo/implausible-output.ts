import type { Tensor } from "../../native/runtime.ts";
import type { NetworkSignature } from "./network-signature.ts";

/** More than this share of the anchors sees nothing in a picture that is all grey. */
const mostFound = 0.5;
/** Scores above this are detections by default. */
const found = 0.25;
/** A few boxes may have negative sizes if a network sees nothing, but not most of them. */
const mostInverted = 0.5;
/** Coordinates up to this are shares of the picture, not px. */
const largestShare = 2;
/** The error of float16. */
const tolerance = 0.01;

/**
 * Says why the first output of a run on grey cannot come from the head that a network seems to
 * have; undefined where it can.
 */
export function whyImplausible(network: NetworkSignature, output: Tensor): string | undefined {
  return network.head === "end-to-end" ? whyNoRows(output) : whyNoAnchors(network, output);
}

/** Anchors of centre x, y, width, height, perhaps an objectness, and a score per class. */
function whyNoAnchors(
  { head, isAnchorFree, names }: NetworkSignature,
  { data, shape }: Tensor,
): string | undefined {
  const values = data as Float32Array | Float16Array;
  const [, first, last] = shape as [number, number, number];
  const isRaw = head === "raw";
  const [anchors, anchorStep, valueStep] = isRaw ? [last, 1, last] : [first, last, 1];
  let [detections, inverted, largest] = [0, 0, 0];
  for (let anchor = 0; anchor < anchors; anchor++) {
    const at = (value: number) => values[anchor * anchorStep + value * valueStep]!;
    if (at(2) < 0 || at(3) < 0) inverted++;
    largest = Math.max(largest, at(0), at(1));
    const objectness = isRaw ? 1 : at(4);
    if (isAnchorFree && objectness !== 1) {
      return (
        "a row with an objectness for each cell of the maps, as YOLOX has it, " +
        "which takes another input"
      );
    }
    if (!isShare(objectness)) return `an objectness of ${objectness}`;
    let best = 0;
    for (let classId = 0; classId < names.length; classId++) {
      const score = at((isRaw ? 4 : 5) + classId);
      if (!isShare(score)) return `a score of ${score}`;
      best = Math.max(best, score);
    }
    if (objectness * best > found) detections++;
  }
  if (detections > mostFound * anchors) {
    return `${detections} detections from ${anchors} anchors on a picture that is all grey`;
  }
  return whyNoBoxes({ boxes: anchors, inverted, largest });
}

/** Rows of x1, y1, x2, y2, score and class; those that are not used are zeros. */
function whyNoRows({ data, shape }: Tensor): string | undefined {
  const values = data as Float32Array | Float16Array;
  const length = shape[2]!;
  let [boxes, inverted, largest] = [0, 0, 0];
  for (let start = 0; start < values.length; start += length) {
    const row = Array.from(values.subarray(start, start + 6));
    if (row.every((value) => value === 0)) continue;
    const [x1, y1, x2, y2, score, classId] = row as [...Four, number, number];
    boxes++;
    if (!isShare(score)) return `a row with a score of ${score}`;
    if (!Number.isInteger(classId) || classId < 0) return `a row of class ${classId}`;
    if (x2 < x1 || y2 < y1) inverted++;
    largest = Math.max(largest, x2, y2);
  }
  return boxes === 0 ? undefined : whyNoBoxes({ boxes, inverted, largest });
}

type Four = [number, number, number, number];

function whyNoBoxes({
  boxes,
  inverted,
  largest,
}: Record<"boxes" | "inverted" | "largest", number>): string | undefined {
  if (inverted > mostInverted * boxes) return `${inverted} of ${boxes} boxes inside out`;
  if (largest <= largestShare) return `boxes in shares of the picture, up to ${largest}`;
  return undefined;
}

function isShare(value: number): boolean {
  return value >= -tolerance && value <= 1 + tolerance;
}
