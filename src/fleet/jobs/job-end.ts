/** How a worker's work on a job ended. */
export interface JobEnd {
  readonly jobId: string;
  /**
   * `retrying`: it failed and will be tried again. `returned`: it waits again, and no attempt is
   * counted. `lost`: the queue took it back, and the outcome here does not count.
   */
  readonly outcome: "succeeded" | "failed" | "retrying" | "returned" | "lost";
  /** From 1. */
  readonly attempt: number;
  /** From adding the job until this worker took it, earlier attempts included. */
  readonly waitMs: number;
  readonly durationMs: number;
  /** What the task returned, where it succeeded. */
  readonly result?: unknown;
  /** What it failed with. */
  readonly error?: unknown;
}
