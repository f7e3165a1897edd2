import { type ErrorCode, OrangeryError } from "../../errors.ts";

/** An error in the work on a photo, and what every path to a result does about it. */
export interface FailureCase {
  /** The error's code, if it has one. */
  readonly name: string;
  readonly error: Error;
  /**
   * `photo`: the photo fails at once, with the error's code. `attempt`: the photo is tried again,
   * and fails the third time with `PHOTO_FAILED`. `none`: the work ends with the error, and nothing
   * is recorded against the photo.
   */
  readonly blamed: "photo" | "attempt" | "none";
}

const of = (code: ErrorCode, blamed: FailureCase["blamed"]): FailureCase => ({
  name: code,
  error: new OrangeryError(code, "Expected something else."),
  blamed,
});

export const failureCases: readonly FailureCase[] = [
  of("PHOTO_NOT_FOUND", "photo"),
  of("PHOTO_UNREADABLE", "photo"),
  of("PHOTO_TOO_LARGE", "photo"),
  of("PHOTO_ADDRESS_REFUSED", "photo"),
  of("PHOTO_NO_SPACE", "photo"),
  of("ORT_FAILED", "attempt"),
  of("INFERENCE_NOT_FINITE", "attempt"),
  { name: "TypeError", error: new TypeError("undefined is not a photo"), blamed: "attempt" },
  of("INVALID_ARGUMENT", "none"),
  of("MODEL_RELEASED", "none"),
  of("MODEL_LOAD_FAILED", "none"),
  of("CHECKPOINT_UNREADABLE", "none"),
  of("DEVICE_UNAVAILABLE", "none"),
  of("LEDGER_BUSY", "none"),
  of("LEDGER_UNREACHABLE", "none"),
  of("LEDGER_FULL", "none"),
  of("LEDGER_READ_ONLY", "none"),
  of("LEDGER_ACCESS_DENIED", "none"),
  of("QUEUE_UNREACHABLE", "none"),
  of("JOB_LOCK_LOST", "none"),
  of("TASK_INTERRUPTED", "none"),
  of("PACKAGE_MISSING", "none"),
  of("NO_SPACE", "none"),
];
