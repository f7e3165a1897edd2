import { UnrecoverableError, WaitingError } from "bullmq";
import { isOrangeryError, OrangeryError, textOf } from "../../errors.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import type { JobEnd } from "./job-end.ts";

/**
 * Converts a task's error into one for BullMQ: its `UnrecoverableError` where no retry helps. The
 * queue keeps the message as the reason. It begins with the code, so that reasons can be counted.
 */
export function toJobFailure(error: unknown): Error {
  const text = textOf(error);
  const reason = isOrangeryError(error) ? `${error.code}: ${text}` : text;
  const failure = isRetryable(error) ? new Error(reason) : new UnrecoverableError(reason);
  failure.cause = error;
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}

/** Ends a job in BullMQ's terms: its processor returns the result, or throws. */
export function endForBullmq({ outcome, result, error }: JobEnd): unknown {
  if (outcome === "returned") throw new WaitingError();
  if (error !== undefined || outcome === "failed" || outcome === "retrying") {
    throw toJobFailure(error);
  }
  return result;
}

/**
 * Refuses a result that BullMQ could not write to its server, which would look as if that failed.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function requireJson(result: unknown): void {
  try {
    JSON.stringify(result);
  } catch (cause) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a task's result to be serialisable as JSON, but: ${textOf(cause)}. ` +
        "Return plain objects, lists, texts and numbers.",
      { cause },
    );
  }
}
