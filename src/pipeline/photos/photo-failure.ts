import { isOrangeryError } from "../../errors.ts";
import type { Reason } from "../../ledger/photos/entry-rows.ts";

/** What an error in the work on a photo says about the photo. */
export interface PhotoFailure {
  /** What to record once the photo is given up. */
  readonly reason: Reason;
  /**
   * Whether the photo is to blame for certain. Otherwise one attempt has failed, and the next may
   * succeed.
   */
  readonly isCertain: boolean;
}

/**
 * Returns what an error in the work on a photo says about that photo: certain where the photo is to
 * blame, a failed attempt where it is the device or nobody knows. Undefined for every other error,
 * such as a model's, the ledger's or the caller's: every photo would fail, and none is to blame.
 */
export function photoFailureOf(error: unknown): PhotoFailure | undefined {
  const blames = isOrangeryError(error) ? error.blames : undefined;
  if (blames === undefined || blames === "device") {
    const message = `Work on this photo failed: ${String(error)}`;
    return { reason: { code: "PHOTO_FAILED", message }, isCertain: false };
  }
  if (!isOrangeryError(error) || blames !== "photo") return undefined;
  return { reason: { code: error.code, message: error.message }, isCertain: true };
}
