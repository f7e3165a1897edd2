import type { LeftOutCounts } from "../../../pipeline/photos/left-out.ts";

/** What this process did in a run; the worklist knows the rest. */
export interface RunOutcome {
  readonly resultsFile: string;
  readonly annotateFolder: string | undefined;
  readonly device: string | undefined;
  /** Models that this process loaded. */
  readonly loads: number;
  /** Photos that this process finished, and the time it took. */
  readonly finished: number;
  /** Photos whose bytes were known under other names, whose files are gone. */
  readonly moved: number;
  readonly elapsedMs: number;
  /** A photo with this many objects may have more. */
  readonly maxDetections: number;
  readonly isInterrupted: boolean;
  readonly unreadableFolders: readonly string[];
  /** Named folders without photos. */
  readonly emptyFolders: readonly string[];
  readonly leftOut: LeftOutCounts;
}
