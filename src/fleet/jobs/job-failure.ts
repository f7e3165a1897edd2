import { UnrecoverableError } from "bullmq";
import { isOrangeryError } from "../../errors.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";

/**
 * Converts a task's error into one for BullMQ: its `UnrecoverableError` where no retry helps. The
 * queue keeps the message as the reason. It begins with the code, so that reasons can be counted.
 */
export function toJobFailure(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const reason = isOrangeryError(error) ? `${error.code}: ${text}` : text;
  const failure = isRetryable(error) ? new Error(reason) : new UnrecoverableError(reason);
  failure.cause = error;
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}
