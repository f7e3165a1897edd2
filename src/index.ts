/** What the package offers, by name. */
import "./base/required-runtime.ts";

export type { PartialWork } from "./base/partial-work.ts";
export {
  type Blame,
  type ErrorCode,
  errorCodes,
  isOrangeryError,
  OrangeryError,
  type OrangeryErrorOptions,
} from "./errors.ts";
export type { Calibration, RangeMethod } from "./graph/quantize/calibration.ts";
// `PhotoJob` is in `orangery/run`: the database behind it would double what this import takes.
export type { ObjectCount, PhotoResult } from "./ledger/results/result-rows.ts";
export { type Logger, silentLogger } from "./logger.ts";
export {
  type AcquireOptions,
  type CacheInfo,
  ModelCache,
  type ModelCacheEvents,
  type ModelCacheOptions,
  type ModelInfo,
  type ModelLease,
  type ReducedModel,
  type ReleaseReason,
} from "./models/cache/model-cache.ts";
export type { GpuMemoryOptions } from "./models/devices/device.ts";
export type { GpuMemory, MemoryReading } from "./models/devices/memory-reading.ts";
export type { ReducedPrecision } from "./models/files/model-file.ts";
export type { RunChoice } from "./models/runs/choose-runs.ts";
export type {
  Precision,
  PredictingModel,
  Prediction,
  PredictOptions,
  YoloModel,
  YoloTask,
} from "./models/yolo/yolo-model.ts";
export type {
  CreateSessionOptions,
  ElementType,
  ExecutionProvider,
  ExecutionProviderName,
  LoadedSession,
  OpenSharedSessionOptions,
  PluginDeviceName,
  RunOptions,
  Runtime,
  Session,
  SharedSession,
  Tensor,
  TensorData,
  TensorInfo,
} from "./native/runtime.ts";
export { countObjects, inReadingOrder } from "./pipeline/count/count-objects.ts";
export type { CountablePhoto, ProcessOptions } from "./pipeline/count/countable-photo.ts";
export { type ObjectDensity, objectDensities } from "./pipeline/count/density.ts";
export { type DetectSlicedOptions, detectSliced } from "./pipeline/count/detect-sliced.ts";
export type { ModelUse, PhotoModel } from "./pipeline/count/model-use.ts";
export { PhotoPipeline, type PhotoPipelineOptions } from "./pipeline/count/photo-pipeline.ts";
export { type Segmentation, segmentPhoto } from "./pipeline/count/segment-photo.ts";
export type { ResumeOptions } from "./pipeline/count/slice-keeper.ts";
export type { SlicedPrediction, SliceProgress } from "./pipeline/count/slice-run.ts";
export type { SlicingOptions } from "./pipeline/count/slicing.ts";
export { OwnRegions, type RegionsPhoto } from "./pipeline/regions/own-regions.ts";
export { isRetryable } from "./tasks/is-retryable.ts";
export { type ExecuteOptions, ModelTask, type ModelTaskOptions } from "./tasks/model-task.ts";
export { type RunTasksOptions, runTasks, type TaskEnd } from "./tasks/run-tasks.ts";
export type { TaskContext, TaskOutcome, TaskProgress } from "./tasks/task-context.ts";
export { workerIdFromName } from "./tasks/worker-id.ts";
export type { ClassChoice, ClassConfidence } from "./vision/class-choice.ts";
export { type Detection, Detections, type DetectionsFields } from "./vision/detections.ts";
export { type DrawingOptions, drawDetections, type LabelTarget } from "./vision/drawing/drawing.ts";
export { Mask, type Rle } from "./vision/masks/mask.ts";
export type { Polygon } from "./vision/masks/polygon-fill.ts";
export type { Capture } from "./vision/photo/capture/capture.ts";
export { readCapture } from "./vision/photo/capture/read-capture.ts";
export { cutPicture } from "./vision/photo/cut-picture.ts";
export { type DecodeOptions, decodePicture } from "./vision/photo/decode-picture.ts";
export type { ExposureWarning } from "./vision/photo/exposure.ts";
export {
  type OpenPhoto,
  type OpenPhotoOptions,
  openPhoto,
  type PhotoInput,
  type Pixels,
} from "./vision/photo/open-photo.ts";
export type { Picture, PictureInput } from "./vision/photo/picture.ts";
export { type EncodeOptions, encodePicture, savePicture } from "./vision/photo/picture-file.ts";
export type { PictureOnDisk } from "./vision/photo/picture-on-disk.ts";
export { PictureSlice } from "./vision/photo/picture-slice.ts";
export type { DecodeMode, ReducedPicture } from "./vision/photo/reduced-picture.ts";
export type { SampleOptions } from "./vision/photo/samples/sample-layout.ts";
export type { Slice } from "./vision/photo/slice.ts";
export type { Region } from "./vision/region.ts";
export { type MergeOptions, mergeDetections } from "./vision/slices/merge-detections.ts";
export { planSlices, type SliceOptions } from "./vision/slices/plan-slices.ts";
