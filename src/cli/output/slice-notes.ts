import { formatCount } from "../../base/quantities.ts";
import type { SliceProgress } from "../../pipeline/count/slice-run.ts";
import { displayPath } from "../options/caller-paths.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** From this on, the slices of one photo take long enough to be shown. */
const shownSlices = 100;

/** More than the largest photos take in slices of a network's size: likely a mistake. */
const manySlices = 5_000;

/** Shows how far the slices of a photo are, and warns once of a photo in very many. */
export function noteSlices(
  progress: ProgressDisplay,
): (photo: string, slices: SliceProgress) => void {
  let isWarned = false;
  return (photo, { done, total }) => {
    if (total < shownSlices) return;
    if (total >= manySlices && !isWarned) {
      isWarned = true;
      progress.note(
        `${displayPath(photo)} is cut into ${formatCount(total)} slices, ` +
          "each of which the network " +
          "looks at. Larger slices are fewer, as in --slice 640.",
      );
    }
    const text = `${formatCount(done)}/${formatCount(total)} slices`;
    progress.setDetail(done < total ? text : "");
  };
}
