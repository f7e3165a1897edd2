import { UnrecoverableError } from "bullmq";
import { isOrangeryError } from "../../errors.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";

/**
 * A task's error as BullMQ takes it: one that no retry helps as its `UnrecoverableError`. Its message
 * is what the queue keeps as the reason, and begins with the code, for whoever counts reasons.
 */
export function toJobFailure(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  const reason = isOrangeryError(error) ? `${error.code}: ${text}` : text;
  const failure = isRetryable(error) ? new Error(reason) : new UnrecoverableError(reason);
  failure.cause = error;
  if (error instanceof Error && error.stack !== undefined) failure.stack = error.stack;
  return failure;
}
