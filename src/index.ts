/** What the package offers, by name. */
export {
  type ErrorCode,
  errorCodes,
  isOrangeryError,
  OrangeryError,
  type OrangeryErrorOptions,
} from "./errors.ts";
// `PhotoJob` stays out: the database behind it would double what importing the package takes.
export type { ObjectCount } from "./ledger/result-rows.ts";
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
export { isRetryable } from "./tasks/is-retryable.ts";
export { type ExecuteOptions, ModelTask, type ModelTaskOptions } from "./tasks/model-task.ts";
export { type RunTasksOptions, runTasks, type TaskReport } from "./tasks/run-tasks.ts";
export type { TaskContext, TaskOutcome } from "./tasks/task-context.ts";
export { workerIdFromName } from "./tasks/worker-id.ts";
export { type Detection, Detections } from "./vision/detections.ts";
export { type DrawingOptions, drawDetections } from "./vision/drawing.ts";
export { Mask } from "./vision/mask.ts";
export {
  type DecodeOptions,
  decodePicture,
  type Picture,
  type PictureSource,
} from "./vision/picture.ts";
export { type EncodeOptions, encodePicture, savePicture } from "./vision/picture-file.ts";
