import { requireSegmenter } from "../../models/yolo/network-signature.ts";
import type { Prediction, PredictOptions } from "../../models/yolo/yolo-model.ts";
import type { PhotoInput } from "../../vision/photo/open-photo.ts";
import type { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import type { Region } from "../../vision/region.ts";
import { inReadingOrder, toRegions } from "./count-objects.ts";
import { mergeRegions } from "./merge-regions.ts";
import type { PhotoModel } from "./model-use.ts";

/** The regions of a photo, and at what cost they were found. */
export interface Segmentation extends Omit<Prediction, "detections"> {
  /** In reading order. */
  readonly regions: readonly Region[];
}

/**
 * Finds the regions of a photo, in which objects are to be counted: what a segmentation model
 * finds, with masks at photo size (`mask.toPolygons()` returns their outlines), numbered as one
 * reads. What it finds of one class within another of that class is one region (`mergeRegions`).
 *
 * @throws `MODEL_WRONG_TASK` for a model without masks, and what `predict` throws.
 */
export async function segmentPhoto(
  model: Pick<PhotoModel, "predict" | "task" | "file">,
  photo: PhotoInput | ReducedPicture,
  options: Omit<PredictOptions, "maskSize"> = {},
): Promise<Segmentation> {
  requireSegmenter(model);
  const { detections, ...facts } = await model.predict(photo, { ...options, maskSize: "photo" });
  return { ...facts, regions: toRegions(inReadingOrder(mergeRegions(detections))) };
}
