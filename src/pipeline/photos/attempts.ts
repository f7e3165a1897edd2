import { addAbortListener } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isOrangeryError, OrangeryError } from "../../errors.ts";

const firstPauseMs = 200;
const longestPauseMs = 10_000;

export interface AttemptOptions {
  readonly attempts: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** What is fetched, for messages. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tries something again that failed for a reason that may pass, after pauses that double and vary, so
 * that workers that failed together do not come back together. `retryAfterMs` in an error's details
 * is heeded.
 *
 * @throws the last failure, or the signal's reason.
 */
export async function withAttempts<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { attempts, timeoutMs, label, signal }: AttemptOptions,
): Promise<T> {
  for (let made = 1; ; made++) {
    signal?.throwIfAborted();
    using limit = limitTime(timeoutMs, signal);
    try {
      return await attempt(limit.signal);
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const error = limit.signal.aborted ? timedOut(label, timeoutMs, cause) : cause;
      if (made >= attempts || !isOrangeryError(error, "PHOTO_FETCH_FAILED")) throw error;
      await delay(pauseMs(made, error), undefined, { signal });
    }
  }
}

/**
 * A signal for one attempt, with one listener that is taken off again: the caller's signal may live
 * through hundreds of thousands of photos.
 */
function limitTime(timeoutMs: number, outer: AbortSignal | undefined) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  const listener = outer && addAbortListener(outer, () => controller.abort(outer.reason));
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      listener?.[Symbol.dispose]();
    },
  };
}

function pauseMs(made: number, { details }: OrangeryError): number {
  const doubled = firstPauseMs * 2 ** (made - 1) * (0.5 + Math.random());
  const asked = typeof details.retryAfterMs === "number" ? details.retryAfterMs : 0;
  return Math.min(longestPauseMs, Math.max(doubled, asked));
}

function timedOut(label: string, timeoutMs: number, cause: unknown): OrangeryError {
  return new OrangeryError(
    "PHOTO_FETCH_FAILED",
    `Expected ${label} within ${timeoutMs} ms, but it did not come. Try again later.`,
    { cause, details: { photo: label, timeoutMs } },
  );
}
