import type { SliceProgress } from "../../pipeline/count/slice-run.ts";
import type { TaskContext } from "../../tasks/task-context.ts";

/** Nobody could follow the progress of a quicker photo. */
const periodMs = 1_000;

/** Reports how far the slices of a photo are, once a second at most. */
export function reportSlices(
  report: TaskContext["progress"],
  now = () => performance.now(),
): (progress: SliceProgress) => void {
  let nextAt = now() + periodMs;
  return ({ done, total }) => {
    if (now() < nextAt) return;
    nextAt = now() + periodMs;
    report({ slices: done, of: total });
  };
}
