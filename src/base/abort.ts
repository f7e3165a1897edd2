import { addAbortListener } from "node:events";

/** Settles as `promise` does, or rejects with the signal's reason as soon as it aborts. */
export async function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  const aborted = Promise.withResolvers<never>();
  const leave = () => aborted.reject(signal.reason);
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  try {
    // Raced even if it has already aborted, so that a rejection of the promise is never unhandled.
    return await Promise.race([aborted.promise, promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Whether `work` settles, fulfilled or rejected, within the time. */
export async function settlesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const settled = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns a signal that aborts as the first of these does; undefined ones never do. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}

/**
 * A controller that follows another signal until it is disposed. Unlike `AbortSignal.any`, it
 * leaves nothing behind on a signal that outlives it, such as a worker's, which serves hundreds of
 * thousands of tasks.
 */
export class FollowingController extends AbortController implements Disposable {
  readonly #listener: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param timeoutMs Aborts by itself after this time, with an `AbortError`. */
  constructor(outer: AbortSignal | undefined, { timeoutMs }: { timeoutMs?: number } = {}) {
    super();
    if (outer?.aborted) this.abort(outer.reason);
    else this.#listener = outer && addAbortListener(outer, () => this.abort(outer.reason));
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.abort(), timeoutMs);
  }

  /** Stops following. Idempotent. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listener?.[Symbol.dispose]();
  }
}
