import { setTimeout as delay } from "node:timers/promises";

export interface TryAgainOptions {
  /** Whether the same may succeed in a moment. */
  readonly isPassing: (error: unknown) => boolean;
  /** No new attempt is made after that. */
  readonly timeoutMs: number;
  /** First and longest pause between two attempts. */
  readonly pauseMs: readonly [first: number, longest: number];
  readonly signal?: AbortSignal | undefined;
}

/** Tries again, ever more slowly, while attempts fail for a passing reason. */
export async function tryAgain<T>(
  { isPassing, timeoutMs, pauseMs: [firstMs, longestMs], signal }: TryAgainOptions,
  attempt: () => T | Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let pauseMs = firstMs; ; pauseMs = Math.min(2 * pauseMs, longestMs)) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || performance.now() > giveUpAt) throw error;
    }
    // Not in step with a process that was refused at the same moment.
    const pause = delay(pauseMs * (0.5 + Math.random()), undefined, { signal });
    await pause.catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
}
