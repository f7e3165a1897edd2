import { doBoxesMeet } from "../../vision/boxes/boxes.ts";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";

/** Regions of one class that overlap by so much of the smaller one are one. */
const leastOverlap = 0.5;

/**
 * Merges regions of one class that overlap by half of the smaller one, directly or through others.
 * A network that does not see a large bed as a whole reports nested parts of it, which suppression
 * by IoU does not remove; objects would be counted in whichever part came first, and areas twice.
 *
 * A merged region has the union of the masks, the box around their boxes, and the best score.
 */
export function mergeRegions(regions: Detections): Detections {
  const { masks = [] } = regions;
  const groups = groupOverlapping(regions, masks);
  // Ordered by its first member, which is its best.
  const merged = regions.select(groups.map(([best]) => best!));
  return new Detections({
    ...merged,
    boxesXyxy: Float32Array.from(groups.flatMap((group) => boxAround(regions, group))),
    masks: groups.map((group) => Mask.union(group.map((index) => masks[index]!))),
  });
}

/** The indices of each region, in order; regions in the order of their first. */
function groupOverlapping({ classIds }: Detections, masks: readonly Mask[]): number[][] {
  const boxes = masks.map(({ boxXyxy }) => boxXyxy);
  const groups: number[][] = [];
  const belongs = (index: number, other: number) => {
    const [box, otherBox] = [boxes[index], boxes[other]];
    return (
      classIds[index] === classIds[other] &&
      box !== undefined &&
      otherBox !== undefined &&
      // Most boxes do not overlap, and masks take longer to compare.
      doBoxesMeet(box, otherBox) &&
      masks[index]!.ios(masks[other]!) >= leastOverlap
    );
  };
  for (const index of masks.keys()) {
    const mine = groups.filter((group) => group.some((other) => belongs(index, other)));
    const rest = groups.filter((group) => !mine.includes(group));
    const joined = [...mine.flat(), index].sort((a, b) => a - b);
    groups.splice(0, groups.length, ...rest, joined);
  }
  return groups.sort(([a], [b]) => a! - b!);
}

function boxAround({ boxesXyxy }: Detections, indices: readonly number[]): number[] {
  const side = (offset: number) => indices.map((index) => boxesXyxy[4 * index + offset]!);
  return [Math.min(...side(0)), Math.min(...side(1)), Math.max(...side(2)), Math.max(...side(3))];
}
