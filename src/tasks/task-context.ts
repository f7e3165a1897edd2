import type { PartialWork } from "../base/partial-work.ts";
import type { Logger } from "../logger.ts";

/** How far a task is: a number, say of percent, or what JSON can hold. */
export type TaskProgress = number | object;

/** What a task knows about the execution that it is in. */
export interface TaskContext<Payload = unknown> {
  /** The queue's id of the task, the same in every attempt. */
  readonly taskId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * Whether the task is not tried again after this attempt, even if it fails for a reason that may
   * pass. False where the number of attempts is unknown.
   */
  readonly isLastAttempt: boolean;
  /** The device slot that the task works on, from 0. */
  readonly workerId: number;
  readonly payload: Payload;
  /**
   * Aborts when the task is cancelled. Pass it to whatever waits: `model.predict(photo, { signal
   * })`. The task is waited for either way; a device is free when its work ends, not when somebody
   * leaves.
   */
  readonly signal: AbortSignal;
  /** Writes with the task's name, id, attempt and worker id. */
  readonly log: Logger;
  /**
   * Reports to the queue how far the task is: a number, say of percent, or an object for JSON.
   * Costs nothing where nobody listens; of many calls in a short time only the last may arrive.
   */
  readonly progress: (progress: TaskProgress) => void;
  /**
   * Reports what the steps of the work took, in milliseconds by name, such as a prediction's
   * `timingsMs`. A worker's metrics show them; without metrics nothing happens.
   */
  readonly timings: (timingsMs: Readonly<Record<string, number>>) => void;
  /**
   * What an earlier attempt has kept of the work, and where this one keeps it for the next: pass it
   * to `detectSliced` or `PhotoPipeline` as `resume`, or use it for long work of your own. It is
   * gone when the task has ended. Undefined where no queue keeps it.
   */
  readonly partialWork?: PartialWork | undefined;
}

/** How an execution ended. `cancelled`: it was aborted, and `error` is the reason. */
export type TaskOutcome<Result> =
  | { readonly status: "succeeded"; readonly result: Result }
  | { readonly status: "failed" | "cancelled"; readonly error: unknown };

/**
 * The outcome that a failure under `signal` stands for. After an abort the error is the reason,
 * also where a Node API has put an `AbortError` of its own in its place; an error that has nothing
 * to do with the abort stays what it is.
 */
export function toFailedOutcome(error: unknown, signal: AbortSignal): TaskOutcome<never> {
  const isAbort =
    error === signal.reason || (error instanceof Error && error.name === "AbortError");
  return signal.aborted && isAbort
    ? { status: "cancelled", error: signal.reason }
    : { status: "failed", error };
}
