import type { TaskProgress } from "../../tasks/task-context.ts";

/** A job that this worker has taken, whatever the queue: BullMQ's `Job` is one. */
export interface TakenJob {
  readonly id?: string | undefined;
  readonly data: unknown;
  /** The job's own settings; the worker fills in the missing ones. */
  readonly opts: {
    /** The most attempts. */
    attempts?: number | undefined;
    /** How it waits for its next attempt, as its queue understands it. */
    backoff?: unknown;
    /** The most lines of log that are kept with it. */
    keepLogs?: number | undefined;
    readonly removeOnComplete?: unknown;
  };
  /** When it was added, and when it was taken. */
  readonly timestamp: number;
  readonly processedOn?: number | undefined;
  readonly attemptsMade: number;
  /** How often the queue found its worker gone. */
  readonly stalledCounter: number;
  /** Gives it back to the queue. */
  moveToWait(token?: string): Promise<unknown>;
  updateProgress(progress: TaskProgress): Promise<unknown>;
  log(line: string): Promise<unknown>;
}
