import { isOrangeryError, textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { isRetryable } from "./is-retryable.ts";

export interface FailureCircumstances {
  readonly durationMs: number;
  readonly isCancelled: boolean;
  /** Whether it is not retried, whatever the error. */
  readonly isLastAttempt: boolean;
}

/**
 * Logs why a task failed. A photo's own fault gets one line without a stack: the program is not to
 * blame, and there may be thousands. So does a cancelled task, which somebody wanted. Any other
 * failure has its stack, and is logged as an error unless it is retried.
 */
export function logFailure(
  log: Logger,
  error: unknown,
  { durationMs, isCancelled, isLastAttempt }: FailureCircumstances,
): void {
  const code = isOrangeryError(error) ? error.code : undefined;
  const reason = textOf(error);
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

/** Returns what a task logs of its payload or result. An exception here must not fail the task. */
export function logFieldsOf(read: () => object): object {
  try {
    return read();
  } catch (error) {
    return { logFields: textOf(error) };
  }
}

/** The reason for `PHOTO_FAILED` is unknown: it may be a bug, so the stack is needed. */
function isPhotoAtFault(error: unknown): boolean {
  return isOrangeryError(error) && error.blames === "photo" && error.code !== "PHOTO_FAILED";
}
