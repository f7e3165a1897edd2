/** The states of jobs that are not done. A delayed job waits to be tried again. */
export const jobStates = ["active", "waiting", "delayed", "failed"] as const;

export type JobState = (typeof jobStates)[number];

/** Selects jobs of a queue; every given condition must hold. */
export interface JobFilter {
  /** Default: all. */
  readonly states?: readonly JobState[] | undefined;
  /** Jobs whose last attempt failed with this code. */
  readonly code?: string | undefined;
  /** Jobs of the photos at or below a folder, a URL or an `s3://` name. */
  readonly under?: string | undefined;
  /** Jobs of these photos, by their sources, and jobs of these ids. */
  readonly names?: readonly string[] | undefined;
  /** Milliseconds since 1970. Failed jobs count from when they failed, others from when added. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
}

/** The states in which jobs of a filter can be. */
export function statesOf({ states = jobStates, code }: JobFilter): readonly JobState[] {
  const wanted = [...new Set(states)];
  // Jobs in other states may still have the reason of an earlier attempt.
  return code === undefined
    ? wanted
    : wanted.filter((state) => state === "failed" || state === "delayed");
}

/** Whether jobs can be counted without reading them. */
export function takesAll({ code, under, since, until }: JobFilter): boolean {
  return [code, under, since, until].every((part) => part === undefined);
}
