/** What a run knows beside the report. */
export interface RunOutcome {
  readonly resultsFile: string;
  readonly annotateFolder: string | undefined;
  readonly device: string | undefined;
  /** Models loaded by this process. */
  readonly loads: number;
  /** Photos finished by this process, and how long it took for them. */
  readonly finished: number;
  readonly elapsedMs: number;
  /** A photo with so many objects may have more. */
  readonly maxDetections: number;
  readonly isInterrupted: boolean;
  readonly unreadableFolders: readonly string[];
}
