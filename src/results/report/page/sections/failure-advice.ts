import { type ErrorCode, errorCodes } from "../../../../errors.ts";

const advice: { readonly [code in ErrorCode]?: string } = {
  PHOTO_NOT_FOUND:
    "Check that the photo still exists and is readable, then run the same command again.",
  PHOTO_UNREADABLE: "Copy the photo from its origin again, or leave it out.",
  PHOTO_TOO_LARGE: "Raise --max-pixels, or make the photo smaller.",
  PHOTO_FETCH_FAILED: "Check the network and the rights, then run with --retry.",
  PHOTO_ADDRESS_REFUSED: "Leave the URL out, or allow private addresses if it is one of yours.",
  PHOTO_NO_SPACE: "Make room in the folder for temporary files, then run with --retry.",
  PHOTO_CRASHED_WORKER: "Check the photo, and run with --retry when the cause is fixed.",
  PHOTO_FAILED: "Run with --retry; if it fails again, the message says where to look.",
};

/** Explains an error code of failed photos, and says what to do about it. */
export function adviseOn(code: string): { readonly meaning: string; readonly advice: string } {
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
  return {
    meaning: known ? errorCodes[known].summary : "This version does not know the reason.",
    advice: (known && advice[known]) ?? "Run with --retry when the cause is fixed.",
  };
}
