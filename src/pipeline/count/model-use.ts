import type { Prediction, PredictOptions, YoloModel } from "../../models/yolo/yolo-model.ts";

/** As much of a model as photos are predicted with. */
export type PhotoModel = Pick<
  YoloModel,
  | "checkOptions"
  | "seenWh"
  | "predict"
  | "predictBatch"
  | "largestBatch"
  | "task"
  | "names"
  | "channels"
  | "device"
  | "deviceKind"
  | "isOnCpu"
  | "fallbackReason"
  | "file"
  | "sha256"
  | "identity"
  | "precision"
>;

/** A model and how it is asked. */
export interface ModelUse {
  readonly model: PhotoModel;
  readonly options?: PredictOptions | undefined;
}

/** What predicting took, without the wait for the device, which is about other photos. */
export function workMs({ timingsMs }: Pick<Prediction, "timingsMs">): number {
  const { preprocess, inference, postprocess } = timingsMs;
  return preprocess + inference + postprocess;
}
