import type { TrialProgress } from "../../pipeline/precision/int8-trial.ts";
import { asAskedFor, type SettledPrecision } from "../../pipeline/precision/settle-precision.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** Shows on which photo int8 is tried. */
export function noteTrial(progress: ProgressDisplay): (trial: TrialProgress) => void {
  return ({ step, done, total }) => {
    const what = step === "calibrate" ? "Calibrating int8" : "Checking int8 against float32";
    progress.setActivity(`${what}: photo ${done + 1} of ${total}`);
  };
}

/** Prints what the networks compute in, where that was not simply asked for. */
export function notePrecision(
  progress: ProgressDisplay,
  { precision, reason }: Pick<SettledPrecision, "precision" | "reason">,
): void {
  if (reason === asAskedFor) return;
  progress.note(`Counting in ${precision}: ${reason}.`);
}
