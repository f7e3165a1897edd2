/** What `orangery/run` offers, by name: the job of `orangery run`, and reading results. */

export type { Ledger } from "./ledger/ledger.ts";
export { type OpenLedgerOptions, openLedger } from "./ledger/open-ledger.ts";
export type { Findings, ObjectCount, PhotoResult } from "./ledger/results/result-rows.ts";
export {
  type FailedPhoto,
  type ReadResultsOptions,
  readFailures,
  readRecipes,
  readResults,
  type StoredRecipe,
  type StoredResult,
} from "./ledger/results/stored-results.ts";
export type {
  StateCounts,
  WorklistPhoto,
  WorklistTotals,
  WorklistView,
} from "./ledger/worklist/worklist-view.ts";
export type { CountOptions, JobModel } from "./pipeline/run/count-recipe.ts";
export {
  type AddOptions,
  PhotoJob,
  type PhotoJobOptions,
  type PhotoJobRunOptions,
} from "./pipeline/run/photo-job.ts";
export type { PhotoEvent } from "./pipeline/run/photo-run.ts";
