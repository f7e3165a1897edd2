/**
 * What `orangery/run` offers, by name: the job of `orangery run`, reading, reviewing and forgetting
 * results.
 */
import "./base/required-runtime.ts";

export type { Pause } from "./ledger/actions/pause-recipe.ts";
export type { EntryFilter } from "./ledger/browse/entry-filter.ts";
export { type RecipeChoice, readRecipeChoices } from "./ledger/browse/progress.ts";
export type { AccessOptions, Ledger } from "./ledger/ledger.ts";
export { type OpenLedgerOptions, openLedger } from "./ledger/open-ledger.ts";
export type { Reason } from "./ledger/photos/entry-rows.ts";
export {
  type ForgetPhotosOptions,
  type ForgottenPhotos,
  forgetPhotos,
} from "./ledger/photos/forget-photos.ts";
export type { PhotoSelection } from "./ledger/photos/selection.ts";
export type { EntriesOptions } from "./ledger/results/entry-pages.ts";
export type { FailedPhoto, FailedPhotosOptions } from "./ledger/results/failed-photos.ts";
export {
  type CountedPhoto,
  type CountTotals,
  type PhotoScores,
  type ReadCountsOptions,
  readCounts,
  readCountTotals,
  readScores,
} from "./ledger/results/read-counts.ts";
export type {
  Findings,
  ObjectCount,
  PhotoResult,
  PhotoWarning,
} from "./ledger/results/result-rows.ts";
export {
  type ReadResultsOptions,
  readFailures,
  readRecipes,
  readResults,
  type StoredRecipe,
  type StoredResult,
} from "./ledger/results/stored-results.ts";
export type {
  AppliedCorrections,
  ReviewCount,
  ReviewedObject,
} from "./ledger/review/apply-corrections.ts";
export type { Change, Correction } from "./ledger/review/change.ts";
export {
  type CorrectPhotoOptions,
  correctPhoto,
  type NewCorrection,
} from "./ledger/review/correct-photo.ts";
export {
  type ChosenTotals,
  type CorrectedPhotos,
  type ReadChosenCountsOptions,
  readChosenCounts,
  readChosenTotals,
} from "./ledger/review/counts/corrected-counts.ts";
export {
  type ReadChosenResultsOptions,
  readChosenResults,
} from "./ledger/review/counts/corrected-results.ts";
export type { CountsKind } from "./ledger/review/counts/counts-kind.ts";
export { type DrawReviewListOptions, drawReviewList } from "./ledger/review/draw-list.ts";
export type { Hold } from "./ledger/review/holds.ts";
export {
  type PhotoReview,
  type ReviewedPhoto,
  readPhotoReview,
} from "./ledger/review/read-review.ts";
export {
  type ReviewFilter,
  type ReviewList,
  type ReviewListKind,
  readReviewLists,
} from "./ledger/review/review-list.ts";
export {
  type QueuedPhoto,
  type QueuePage,
  type QueuePageOptions,
  type QueueProgress,
  readQueuePage,
} from "./ledger/review/review-queue.ts";
export type { EntryState } from "./ledger/schema/tables.ts";
export type { CountQuestion } from "./ledger/scores/count-question.ts";
export type { ScoreGroup } from "./ledger/scores/packed-scores.ts";
export type {
  StateCounts,
  WorklistPhoto,
  WorklistPhotosOptions,
  WorklistResult,
  WorklistTotals,
  WorklistView,
} from "./ledger/worklist/worklist-view.ts";
export type { LeftOutCounts } from "./pipeline/photos/left-out.ts";
export type { PhotoFilterOptions } from "./pipeline/photos/photo-filter.ts";
export type { WatchEvents, WatchOptions } from "./pipeline/photos/watch/watch-options.ts";
export { type Float16TrialOptions, tryFloat16 } from "./pipeline/precision/float16-trial.ts";
export {
  type Calibrations,
  type Int8TrialOptions,
  type TrialResult,
  tryInt8,
} from "./pipeline/precision/int8-trial.ts";
export {
  type CountPair,
  type PrecisionLimits,
  type PrecisionProof,
  whyRefused,
} from "./pipeline/precision/precision-proof.ts";
export type { TrialOptions, TrialProgress } from "./pipeline/precision/precision-trial.ts";
export {
  type QuantizedModelFile,
  type QuantizeModelOptions,
  quantizeModelFile,
} from "./pipeline/precision/quantize-model-file.ts";
export type { SettledPrecision, WantedPrecision } from "./pipeline/precision/settle-precision.ts";
export type { UnusedPhoto } from "./pipeline/precision/usable-photos.ts";
export type {
  CountOptions,
  JobModel,
  JobRegions,
  RecipePredictOptions,
} from "./pipeline/recipe/count-recipe.ts";
export { PhotoJob } from "./pipeline/run/photo-job.ts";
export type {
  AddOptions,
  PhotoJobOptions,
  PhotoJobRunOptions,
} from "./pipeline/run/photo-job-options.ts";
export type { PhotoEvent, PhotoMove } from "./pipeline/run/photo-run.ts";
export type { FittedThreshold } from "./results/compare/class-tally.ts";
export {
  type ClassComparison,
  type CompareOptions,
  type Comparison,
  compareResults,
  type DifferentPhoto,
  type PhotoComparison,
} from "./results/compare/compare-results.ts";
export type { CountErrors, CountTotal, MatchQuality } from "./results/compare/count-errors.ts";
export { readTruth } from "./results/compare/truth/read-truth.ts";
export {
  type ComparedPhoto,
  type TrueBoxes,
  type TruePhoto,
  Truth,
} from "./results/compare/truth/truth.ts";
export { readTruthResults } from "./results/compare/truth/truth-results.ts";
export type { ShareEstimate } from "./results/review/estimate-share.ts";
export type { TotalEstimate } from "./results/review/estimate-total.ts";
export {
  type CountEstimate,
  type ReviewEstimate,
  readReviewEstimate,
} from "./results/review/review-estimate.ts";
export type { Capture } from "./vision/photo/capture/capture.ts";
