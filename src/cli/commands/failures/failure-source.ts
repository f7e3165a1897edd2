import type { FailureCount } from "../../../fleet/management/count-failures.ts";

/** Where failures are read from: results, or a queue. */
export interface FailureSource extends AsyncDisposable {
  /** For people. */
  readonly name: string;
  /** How they are tried again. */
  readonly hint: string;
  /** Describes why there may be none; "" where nothing is known. */
  describeNone(): Promise<string>;
  /** Counts them by code, the most first. */
  count(): Promise<FailureCount[]>;
  /** Reads them; `limit` is how many will be taken, 0 for all. */
  read(limit?: number): AsyncIterable<FailureRow>;
}

/** A photo without a result, and why. */
export interface FailureRow {
  /** Its source; of a job that is not about a photo its id. */
  readonly photo: string;
  /** The hash of the recipe. */
  readonly recipe: string | undefined;
  readonly code: string | undefined;
  readonly message: string;
}
