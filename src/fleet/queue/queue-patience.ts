import { tryAgain } from "../../base/try-again.ts";
import type { ErrorCode, OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { toQueueError, toQueueFailure, unreachable } from "./queue-errors.ts";

export interface QueuePatienceOptions {
  readonly queue: string;
  readonly logger: Logger;
  /** First and longest pause between two requests. Default 0.2 s and 5 s. */
  readonly pauseMs?: readonly [first: number, longest: number];
  /** A later answer is a problem, while it is waited for. Default 10 s. */
  readonly silenceMs?: number;
}

export interface RepeatOptions {
  /** Repeat after any error reply of Redis. Default: only if the error may pass. */
  readonly always?: boolean;
  readonly signal?: AbortSignal;
}

const absence: ErrorCode = "QUEUE_UNREACHABLE";

/** A problem that has been logged. */
interface KnownProblem {
  readonly error: OrangeryError;
  /** Requests that it blocks; none if it is the connection's problem. */
  readonly requests: Set<object>;
}

/**
 * Waits for a Redis that answers but does not serve: a replica, one whose memory or disk is full,
 * one that loads its data. Without it, BullMQ's worker asks thousands of times a second. Each kind
 * of problem is logged once, and so is its end.
 */
export class QueuePatience {
  readonly #options: QueuePatienceOptions;
  readonly #problems = new Map<ErrorCode, KnownProblem>();

  constructor(options: QueuePatienceOptions) {
    this.#options = options;
  }

  /** Why the queue is not served now. */
  get trouble(): OrangeryError | undefined {
    return this.#problems.values().next().value?.error;
  }

  /** Logs a problem with the connection, unless it is known. */
  report(error: unknown): void {
    this.#know(toQueueFailure(error, this.#options.queue));
  }

  /**
   * Sends a request again and again until Redis serves it.
   *
   * @throws the error of a reply that does not pass, as one of ours; any other failure of the
   *   request;
   *   the signal's reason
   */
  async repeat<T>(
    request: () => Promise<T>,
    { always = false, signal }: RepeatOptions = {},
  ): Promise<T> {
    const { queue, pauseMs = [200, 5_000] } = this.#options;
    const isPassing = (error: unknown) => {
      const refusal = toQueueError(error, queue);
      if (refusal === undefined || !(always || refusal.retryable)) return false;
      this.#know(refusal).requests.add(request);
      return true;
    };
    try {
      const answer = await tryAgain({ isPassing, pauseMs, signal }, request);
      this.#forget(request);
      return answer;
    } catch (error) {
      throw toQueueError(error, queue) ?? error;
    }
  }

  /** Sends a request once. A server that is connected and does not answer is a problem, too. */
  async expect(request: () => Promise<void>): Promise<void> {
    const { silenceMs = 10_000 } = this.#options;
    let problem: KnownProblem | undefined;
    const silence = setTimeout(() => {
      problem = this.#know(unreachable(undefined, { timeoutMs: silenceMs, server: "server" }));
      problem.requests.add(request);
    }, silenceMs);
    try {
      await request();
      if (problem !== undefined) this.#forget(request);
    } finally {
      clearTimeout(silence);
      // Callers report why it failed.
      problem?.requests.delete(request);
    }
  }

  #know(error: OrangeryError): KnownProblem {
    if (error.code !== absence) this.#forgetAbsence();
    const known = this.#problems.get(error.code);
    if (known !== undefined) return known;
    const problem = { error, requests: new Set<object>() };
    this.#problems.set(error.code, problem);
    this.#options.logger.warn({ err: error }, "the queue has a problem");
    return problem;
  }

  /** A server that refuses a request or a connection is reachable. */
  #forgetAbsence(): void {
    if (this.#problems.get(absence)?.requests.size === 0) this.#problems.delete(absence);
  }

  /** After an answer, neither the connection nor this request has a problem. */
  #forget(request: object): void {
    if (this.#problems.size === 0) return;
    for (const [code, { requests }] of this.#problems) {
      requests.delete(request);
      if (requests.size === 0) this.#problems.delete(code);
    }
    if (this.#problems.size === 0) this.#options.logger.info({}, "the queue is served again");
  }
}
