import { type Blame, type ErrorCode, errorCodes } from "../errors.ts";

const advice: { readonly [code in ErrorCode]?: string } = {
  PHOTO_NOT_FOUND:
    "Check that the photo still exists and is readable, then run the same command again.",
  PHOTO_UNREADABLE: "Copy the photo from its source again, or leave it out.",
  PHOTO_TOO_LARGE: "Raise --max-pixels, or make the photo smaller.",
  PHOTO_FETCH_FAILED: "Check the network and the rights, then run with --retry.",
  PHOTO_ADDRESS_REFUSED: "Leave the URL out, or allow private addresses if it is one of yours.",
  PHOTO_NO_SPACE: "Make room in the folder for temporary files, then run with --retry.",
  PHOTO_CRASHED_WORKER: "Check the photo, and run with --retry when the cause is fixed.",
  JOB_CRASHED_WORKER: "Look at the photo and at the memory of the machine, then try again.",
  JOB_DATA_INVALID: "Drop the job, and add it again with data that fit.",
  REGIONS_MISSING: "Add the photo to the file with regions, or leave it out.",
  REGIONS_DO_NOT_FIT: "Draw the regions on the upright photo as it is now.",
  PHOTO_FAILED: "Run with --retry; if it fails again, the message says where to look.",
};

/** For codes without an advice of their own. */
const adviceByBlame: { readonly [blame in Blame]: string } = {
  photo: "Run with --retry when the cause is fixed.",
  model: "Repair or replace the model's file, then try again.",
  device: "Look at the device and its driver, then try again.",
  ledger: "Look at the results database, then try again.",
  queue: "Look at the queue's Redis, then try again.",
  caller: "Correct what was asked for, then try again.",
  machine: "Make room, or install what the message names, then try again.",
};

/** Explains an error code of failed photos or jobs, and says what to do about it. */
export function adviseOn(code: string): { readonly meaning: string; readonly advice: string } {
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
  if (known === undefined) {
    return {
      meaning: "This version does not know the reason.",
      advice: "Run with --retry when the cause is fixed.",
    };
  }
  const { summary, blames } = errorCodes[known];
  return { meaning: summary, advice: advice[known] ?? adviceByBlame[blames] };
}
