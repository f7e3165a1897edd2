/** What the package offers, by name. */
export {
  type ErrorCode,
  errorCodes,
  isOrangeryError,
  OrangeryError,
  type OrangeryErrorOptions,
} from "./errors.ts";
// `PhotoJob` stays out: the database behind it would double what importing the package takes.
export type { ObjectCount, PhotoResult } from "./ledger/result-rows.ts";
export { type Logger, silentLogger } from "./logger.ts";
export type { GpuMemoryOptions } from "./models/device.ts";
export type { GpuMemory, MemoryReading } from "./models/memory-reading.ts";
export {
  type AcquireOptions,
  type CacheInfo,
  ModelCache,
  type ModelCacheEvents,
  type ModelCacheOptions,
  type ModelInfo,
  type ModelLease,
  type ReleaseReason,
} from "./models/model-cache.ts";
export type { Prediction, PredictOptions, YoloModel, YoloTask } from "./models/yolo-model.ts";
export type {
  CreateSessionOptions,
  ElementType,
  ExecutionProvider,
  OpenSharedSessionOptions,
  RunOptions,
  Runtime,
  Session,
  SharedSession,
  Tensor,
  TensorData,
  TensorInfo,
} from "./native/runtime.ts";
export { countObjects, inReadingOrder } from "./pipeline/count-objects.ts";
export { type ObjectDensity, objectDensities } from "./pipeline/density.ts";
export {
  type DetectSlicedOptions,
  detectSliced,
  type SlicedPrediction,
} from "./pipeline/detect-sliced.ts";
export type { ModelUse, PhotoModel } from "./pipeline/model-use.ts";
export {
  PhotoPipeline,
  type PhotoPipelineOptions,
  type ProcessOptions,
} from "./pipeline/photo-pipeline.ts";
export { type Segmentation, segmentPhoto } from "./pipeline/segment-photo.ts";
export type { SlicingOptions } from "./pipeline/slicing.ts";
export { isRetryable } from "./tasks/is-retryable.ts";
export { type ExecuteOptions, ModelTask, type ModelTaskOptions } from "./tasks/model-task.ts";
export { type RunTasksOptions, runTasks, type TaskReport } from "./tasks/run-tasks.ts";
export type { TaskContext, TaskOutcome, TaskProgress } from "./tasks/task-context.ts";
export { workerIdFromName } from "./tasks/worker-id.ts";
export { type Detection, Detections } from "./vision/detections.ts";
export { type DrawingOptions, drawDetections } from "./vision/drawing.ts";
export { Mask } from "./vision/mask.ts";
export { type MergeOptions, mergeDetections } from "./vision/merge-detections.ts";
export { type OpenPhoto, openPhoto, type PhotoSource, type Pixels } from "./vision/open-photo.ts";
export {
  type DecodeOptions,
  decodePicture,
  type Picture,
  type PictureSource,
} from "./vision/picture.ts";
export { type EncodeOptions, encodePicture, savePicture } from "./vision/picture-file.ts";
export type { PictureOnDisk } from "./vision/picture-on-disk.ts";
export type { Region } from "./vision/region.ts";
export { planSlices, type Slice, type SliceOptions } from "./vision/slices.ts";
