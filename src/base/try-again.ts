import { setTimeout as delay } from "node:timers/promises";

export interface TryAgainOptions {
  /** Whether the same attempt may succeed in a moment. */
  readonly isPassing: (error: unknown) => boolean;
  /** No new attempt is made after this time. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** The most attempts. Default: no limit. */
  readonly attempts?: number | undefined;
  /** First and longest pause between two attempts; each is twice as long as the last. */
  readonly pauseMs: readonly [first: number, longest: number];
  /** The shortest pause that an error asks for, such as a server's `Retry-After`. Default 0. */
  readonly askedPauseMs?: ((error: unknown) => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats an attempt, with growing pauses, while it fails for a reason that may pass. Pauses vary
 * by half, so that processes that failed together do not retry together.
 *
 * @throws the last failure, or the signal's reason
 */
export async function tryAgain<T>(
  {
    isPassing,
    timeoutMs = Number.POSITIVE_INFINITY,
    attempts = Number.POSITIVE_INFINITY,
    pauseMs: [firstMs, longestMs],
    askedPauseMs = () => 0,
    signal,
  }: TryAgainOptions,
  attempt: () => T | Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  let pauseMs = firstMs;
  for (let made = 1; ; made++) {
    signal?.throwIfAborted();
    let askedMs: number;
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error) || made >= attempts || performance.now() > giveUpAt) throw error;
      askedMs = askedPauseMs(error);
    }
    const variedMs = Math.max(pauseMs * (0.5 + Math.random()), askedMs);
    await delay(Math.min(variedMs, Math.max(longestMs, pauseMs * 1.5)), undefined, {
      signal,
    }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
    pauseMs = Math.min(2 * pauseMs, longestMs);
  }
}
