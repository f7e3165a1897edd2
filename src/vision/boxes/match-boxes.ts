import { BoxIndex, type Matching } from "./box-index.ts";
import { boxIou } from "./boxes.ts";

/** Boxes are of the same object where they overlap by half of what they cover together. */
const matching: Matching = { metric: "iou", threshold: 0.5 };

/**
 * Matches boxes that were found with true ones, as COCO and PASCAL VOC do: the found ones in their
 * order, best first, each with the true box that it overlaps most and that is still free. So
 * objects above any threshold match as if the rest had not been found.
 *
 * @returns For each found box the index of its true one, or −1.
 */
export function matchBoxes(foundXyxy: Float32Array, trueXyxy: Float32Array): Int32Array {
  const foundCount = foundXyxy.length / 4;
  const boxes = new Float32Array(foundXyxy.length + trueXyxy.length);
  boxes.set(foundXyxy);
  boxes.set(trueXyxy, foundXyxy.length);
  const index = new BoxIndex(boxes, matching);
  for (let found = 0; found < foundCount; found++) index.remove(found);
  const near = new Int32Array(boxes.length / 4);
  return Int32Array.from({ length: foundCount }, (_, found) => {
    const nearCount = index.find(found, near);
    let [best, bestIou] = [-1, 0];
    for (const other of near.subarray(0, nearCount).sort()) {
      const iou = boxIou(boxes, found, boxes, other);
      if (iou >= matching.threshold && iou > bestIou) [best, bestIou] = [other, iou];
    }
    if (best < 0) return -1;
    index.remove(best);
    return best - foundCount;
  });
}
