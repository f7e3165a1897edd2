import { printable } from "../../base/printable.ts";
import { formatPlural } from "../../base/quantities.ts";
import type { TrialProgress } from "../../pipeline/precision/precision-trial.ts";
import { asAskedFor, type SettledPrecision } from "../../pipeline/precision/settle-precision.ts";
import type { UnusedPhoto } from "../../pipeline/precision/usable-photos.ts";
import { displayPath } from "../options/caller-paths.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** Shows on which photo a precision is tried. */
export function noteTrial(progress: ProgressDisplay): (trial: TrialProgress) => void {
  return ({ precision, step, done, total }) => {
    const what = activities[step].replace("…", precision);
    progress.setActivity(`${what}: photo ${done + 1} of ${total}`);
  };
}

const activities: Readonly<Record<TrialProgress["step"], string>> = {
  choose: "Choosing photos for …",
  calibrate: "Calibrating …",
  check: "Checking … against float32",
};

/** Further photos are listed with `--json`. */
const printedPhotos = 20;

/** Prints which photos a trial has not used: the first broken ones by name. */
export function noteUnused(progress: ProgressDisplay, unused: readonly UnusedPhoto[]): void {
  const broken = unused.filter(({ error }) => error !== undefined);
  for (const { photo, error } of broken.slice(0, printedPhotos)) {
    progress.note(`Left out: ${displayPath(photo)}: ${printable(error!.message)} [${error!.code}]`);
  }
  const others = broken.length - printedPhotos;
  if (others > 0) progress.note(`Left out: ${formatPlural(others, "other")} that cannot be read`);
  const copies = unused.length - broken.length;
  if (copies > 0) progress.note(`Left out: ${formatPlural(copies, "copy", "copies")} of others`);
}

/** Prints what the networks compute in, where that was not simply asked for. */
export function notePrecision(
  progress: ProgressDisplay,
  { precision, reason }: Pick<SettledPrecision, "precision" | "reason">,
): void {
  if (reason === asAskedFor) return;
  progress.note(`Counting in ${precision}: ${reason}.`);
}
