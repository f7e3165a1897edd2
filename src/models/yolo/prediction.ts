import type { Detections } from "../../vision/detections.ts";
import type { Precision, YoloTask } from "./network-signature.ts";

/** The model of a prediction. */
export interface PredictingModel {
  readonly file: string;
  readonly task: YoloTask;
  readonly sha256: string;
  readonly precision: Precision;
}

/** The objects that a model found on a photo, and what it cost. */
export interface Prediction {
  /** Size of the photo, after its orientation was applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Best score first; boxes in photo pixels. */
  readonly detections: Detections;
  /** Whether there may be more objects than `maxDetections` let through. */
  readonly reachedMaxDetections: boolean;
  /**
   * Whether all objects that the network can return, 300 of a YOLOv10 or YOLO26, are above the
   * confidence, so that there may be more. Networks that need suppression have no such limit.
   */
  readonly reachedNetworkLimit: boolean;
  /** The device it ran on: `cpu`, `cuda:0`, … */
  readonly device: string;
  readonly model: PredictingModel;
  readonly timingsMs: {
    /** Reading and decoding; 0 for a picture that came decoded. */
    readonly decode: number;
    /** Resizing and padding into the network's input. */
    readonly preprocess: number;
    /** The run itself, without the wait for the device; of a batch, each picture's share of it. */
    readonly inference: number;
    /** Suppression, scaling back and masks. */
    readonly postprocess: number;
    /** From call to answer, with the wait for the device. */
    readonly total: number;
  };
}

/** What a prediction says of its model. */
export function toPredictingModel({
  file,
  task,
  sha256,
  precision,
}: PredictingModel): PredictingModel {
  return { file, task, sha256, precision };
}
