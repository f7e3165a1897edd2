import { isOrangeryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { isRetryable } from "./is-retryable.ts";

export interface FailureCircumstances {
  readonly durationMs: number;
  readonly isCancelled: boolean;
  /** Whether it is not tried again, whatever the error. */
  readonly isLastAttempt: boolean;
}

/**
 * Logs why a task failed. A photo's own fault is one line without a stack: nothing in the program
 * is to be looked at, and there may be thousands of them. So is the end of a cancelled task, which
 * somebody wanted. Any other failure has its stack, and is an error unless it is tried again.
 */
export function logFailure(
  log: Logger,
  error: unknown,
  { durationMs, isCancelled, isLastAttempt }: FailureCircumstances,
): void {
  const code = isOrangeryError(error) ? error.code : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  const retryable = isRetryable(error);
  if (isPhotoAtFault(error)) {
    log.warn({ code, reason, durationMs, retryable }, "task failed");
  } else if (isCancelled) {
    log.info({ code, reason, durationMs }, "task cancelled");
  } else if (retryable && !isLastAttempt) {
    log.warn({ code, err: error, durationMs, retryable }, "task failed");
  } else {
    log.error({ code, err: error, durationMs, retryable }, "task failed");
  }
}

/** Returns what a task logs of its payload or result. What it throws must not fail the task. */
export function logFieldsOf(read: () => object): object {
  try {
    return read();
  } catch (error) {
    return { logFields: String(error) };
  }
}

/** Of `PHOTO_FAILED` nobody knows the reason: it may be a bug, and the stack is needed. */
function isPhotoAtFault(error: unknown): boolean {
  return isOrangeryError(error) && error.blames === "photo" && error.code !== "PHOTO_FAILED";
}
