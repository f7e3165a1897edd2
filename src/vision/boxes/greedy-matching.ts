import { BoxIndex, type Matching } from "./box-index.ts";
import { boxIos, boxIou } from "./boxes.ts";

/** A box that is kept, and the boxes that it has taken out, in their order. */
export interface Match {
  readonly best: number;
  readonly taken: readonly number[];
}

/**
 * Matches boxes greedily, from the first, the best: each box that is left takes out the later boxes
 * that it matches. A box that was taken out takes nothing out. Overlaps are computed in float32 and
 * compared by `isMatch`, which must be false below the threshold, except for rounding.
 */
export function* matchGreedily(
  boxesXyxy: Float32Array,
  matching: Matching,
  isMatch: (overlap: number) => boolean,
): Generator<Match> {
  const overlapOf = matching.metric === "iou" ? boxIou : boxIos;
  const count = boxesXyxy.length / 4;
  const index = new BoxIndex(boxesXyxy, matching);
  const near = new Int32Array(count);
  const isTaken = new Uint8Array(count);
  for (let best = 0; best < count; best++) {
    if (isTaken[best]) continue;
    // Only later boxes are found then.
    index.remove(best);
    const taken: number[] = [];
    const nearCount = index.find(best, near);
    for (let i = 0; i < nearCount; i++) {
      const other = near[i]!;
      if (!isMatch(overlapOf(boxesXyxy, best, boxesXyxy, other))) continue;
      isTaken[other] = 1;
      index.remove(other);
      taken.push(other);
    }
    yield { best, taken: taken.sort((a, b) => a - b) };
  }
}
