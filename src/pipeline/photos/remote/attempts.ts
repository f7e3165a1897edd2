import { FollowingController } from "../../../base/abort.ts";
import { tryAgain } from "../../../base/try-again.ts";
import { isOrangeryError, OrangeryError } from "../../../errors.ts";

export interface AttemptOptions {
  readonly attempts: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** What is fetched, for messages. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats what failed for a reason that may pass, as `PHOTO_FETCH_FAILED` says, each attempt within
 * its time. A server's `Retry-After`, `retryAfterMs` in the error's details, is respected.
 *
 * @throws the last failure, or the signal's reason
 */
export async function withAttempts<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { attempts, timeoutMs, label, signal }: AttemptOptions,
): Promise<T> {
  return await tryAgain(
    {
      isPassing: (error) => isOrangeryError(error, "PHOTO_FETCH_FAILED"),
      attempts,
      pauseMs: [200, 10_000],
      askedPauseMs,
      signal,
    },
    async () => {
      using limit = new FollowingController(signal, { timeoutMs });
      try {
        return await attempt(limit.signal);
      } catch (cause) {
        throw limit.signal.aborted && !signal?.aborted ? timedOut(label, timeoutMs, cause) : cause;
      }
    },
  );
}

function askedPauseMs(error: unknown): number {
  const { retryAfterMs } = (error as OrangeryError).details;
  return typeof retryAfterMs === "number" ? retryAfterMs : 0;
}

function timedOut(label: string, timeoutMs: number, cause: unknown): OrangeryError {
  return new OrangeryError(
    "PHOTO_FETCH_FAILED",
    `Expected ${label} within ${timeoutMs} ms, but it did not come. Try again later.`,
    { cause, details: { photo: label, timeoutMs } },
  );
}
