import type { PartialWork } from "../base/partial-work.ts";
import type { Logger } from "../logger.ts";

/** A task's progress: a number, such as a percentage, or a JSON value. */
export type TaskProgress = number | object;

/** What a task knows about the execution that it is in. */
export interface TaskContext<Payload = unknown> {
  /** The queue's id of the task, the same in every attempt. */
  readonly taskId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Whether this is the last attempt, even if it fails for a reason that may pass. False if the
   * number of attempts is unknown.
   */
  readonly isLastAttempt: boolean;
  /** The device slot that the task works on, from 0. */
  readonly workerId: number;
  readonly payload: Payload;
  /**
   * Aborts when the task is cancelled. Pass it to whatever waits: `model.predict(photo, { signal
   * })`. The task is awaited either way: a device is free when its work ends, not when its caller
   * leaves.
   */
  readonly signal: AbortSignal;
  /** Writes with the task's name, id, attempt and worker id. */
  readonly log: Logger;
  /**
   * Reports the task's progress to the queue: a number, such as a percentage, or a JSON object.
   * Costs nothing if nobody listens; of many calls in a short time, perhaps only the last arrives.
   */
  readonly progress: (progress: TaskProgress) => void;
  /**
   * Reports the durations of steps, in milliseconds by name, such as a prediction's `timingsMs`, to
   * a worker's metrics.
   */
  readonly timings: (timingsMs: Readonly<Record<string, number>>) => void;
  /**
   * Reads what an earlier attempt has kept, and keeps work for the next: pass it to `detectSliced`
   * or `PhotoPipeline` in `resume`, or use it for your own long work. It is removed when the task
   * has ended. Undefined if no queue keeps it.
   */
  readonly partialWork?: PartialWork | undefined;
}

/** How an execution ended. `cancelled`: it was aborted, and `error` is the reason. */
export type TaskOutcome<Result> =
  | { readonly status: "succeeded"; readonly result: Result }
  | { readonly status: "failed" | "cancelled"; readonly error: unknown };

/**
 * The outcome of a failure under `signal`. After an abort, the error is the signal's reason, even
 * if a Node API threw its own `AbortError` instead; an unrelated error stays as it is.
 */
export function toFailedOutcome(error: unknown, signal: AbortSignal): TaskOutcome<never> {
  const isAbort =
    error === signal.reason || (error instanceof Error && error.name === "AbortError");
  return signal.aborted && isAbort
    ? { status: "cancelled", error: signal.reason }
    : { status: "failed", error };
}
