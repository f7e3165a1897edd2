import type { TrialProgress } from "../../pipeline/precision/precision-trial.ts";
import { asAskedFor, type SettledPrecision } from "../../pipeline/precision/settle-precision.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** Shows on which photo a precision is tried. */
export function noteTrial(progress: ProgressDisplay): (trial: TrialProgress) => void {
  return ({ precision, step, done, total }) => {
    const isCheck = step === "check";
    const what = isCheck ? `Checking ${precision} against float32` : `Calibrating ${precision}`;
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
