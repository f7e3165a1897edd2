/** How often jobs are tried, and what is kept of them. */
export interface JobPolicy {
  /** Attempts of a job that sets no number itself, from 1. Default 5. */
  readonly attempts?: number | undefined;
  /**
   * How long such a job waits before its second attempt. Each further wait is twice as long; each
   * is shortened at random by up to half. Default 2 s.
   */
  readonly backoffMs?: number | undefined;
  /**
   * A job fails for good when this many worker processes have died or hung while they worked on it,
   * from 1. Default 10: a process may die for other reasons, and then its jobs are not to blame.
   */
  readonly maxCrashes?: number | undefined;
  /** Whether the task's log lines are kept with the job, too. Default true. */
  readonly jobLogs?: boolean | undefined;
}
