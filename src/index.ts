/** What the package offers, by name. */
export { type ErrorCode, errorCodes, isOrangeryError, OrangeryError } from "./errors.ts";
export { type Logger, silentLogger } from "./logger.ts";
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
export { type Detection, Detections } from "./vision/detections.ts";
export { Mask } from "./vision/mask.ts";
export { decodePicture, type Picture, type PictureSource } from "./vision/picture.ts";
