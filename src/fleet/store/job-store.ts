import type { JobFilter, JobState } from "./job-filter.ts";

/** A job's id and fields; null for missing ones. */
export type JobRow = readonly [
  id: string,
  name: string | null,
  /** JSON, truncated. */
  data: string | null,
  timestamp: string | null,
  attempts: string | null,
  failedReason: string | null,
  finishedOn: string | null,
  worker: string | null,
];

/** Only tasks of one's own have longer data; a photo's name, with its signature, is shorter. */
export const mostDataBytes = 16_384;

export interface JobPage {
  readonly matching: number;
  readonly rows: readonly JobRow[];
}

export interface ReadPagesOptions {
  readonly filter: JobFilter;
  /** Reads no rows. */
  readonly isCount?: boolean | undefined;
  /** Failed jobs in the order in which they failed. Default: the newest first. */
  readonly isOldestFirst?: boolean | undefined;
  /** The number of jobs that the server looks at in the first request. Default 500. */
  readonly pageSize?: number | undefined;
  /** Later requests look at more, up to this number. Default 2,000. */
  readonly largestPage?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChangePagesOptions {
  readonly filter: JobFilter;
  readonly change: "drop" | "first";
  /** The number of jobs that the server looks at in one request. */
  readonly pageSize: number;
  readonly signal: AbortSignal | undefined;
}

/** The states from which a job is put back. */
export type RetriedState = Extract<JobState, "delayed" | "failed">;

/** The jobs of a queue, looked at and changed many at a time. */
export interface JobStore {
  sizeOf(state: JobState): Promise<number>;
  /**
   * Reads the jobs of a state in pages, as many as there are at the start, so that jobs that come
   * back while pages are processed are not read over and over.
   */
  readPages(state: JobState, options: ReadPagesOptions): AsyncGenerator<JobPage>;
  /**
   * Changes jobs of a state in pages; moved jobs keep their order. Yields the number changed in
   * each page.
   */
  changePages(state: JobState, options: ChangePagesOptions): AsyncGenerator<number>;
  /**
   * Puts failed jobs, with all their attempts, or delayed jobs back. Returns how many of them were
   * in that state.
   */
  putBack(ids: readonly string[], state: RetriedState): Promise<number>;
  /** Finds jobs that match, by their ids. */
  lookUp(
    ids: readonly string[],
    filter: JobFilter,
  ): Promise<readonly (readonly [state: JobState, row: JobRow])[]>;
  /** Counts failed jobs by code, in parts; the code is empty where there is none. */
  countFailures(
    filter: JobFilter,
    options: Pick<ReadPagesOptions, "pageSize" | "signal">,
  ): AsyncGenerator<readonly [code: string, count: number]>;
  /** Returns, for jobs that the queue has, whether they have ended or are still to be done. */
  endings(ids: readonly string[]): Promise<ReadonlyMap<string, "ended" | "left">>;
}
