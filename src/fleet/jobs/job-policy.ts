/** How often jobs are tried, and what is kept of them. */
export interface JobPolicy {
  /** How often a job is tried that does not say so itself, from 1. Default 5. */
  readonly attempts?: number | undefined;
  /**
   * How long such a job waits before its second attempt. Each further wait is twice as long, and
   * each is shortened at random by up to half. Default 2 s.
   */
  readonly backoffMs?: number | undefined;
  /**
   * A job fails for good when this many worker processes have died or hung while they worked on it,
   * from 1. Default 10: a process may die for a reason of its own, and then its jobs are innocent.
   */
  readonly maxCrashes?: number | undefined;
  /** Whether the task's log lines are kept with the job, too. Default true. */
  readonly jobLogs?: boolean | undefined;
}
