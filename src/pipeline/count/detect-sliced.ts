import { StepTimes } from "../../base/step-times.ts";
import { OrangeryError } from "../../errors.ts";
import type { Prediction, PredictOptions } from "../../models/yolo/yolo-model.ts";
import { openPhoto, type PhotoInput } from "../../vision/photo/open-photo.ts";
import type { Region } from "../../vision/region.ts";
import type { PhotoModel } from "./model-use.ts";
import type { ResumeOptions } from "./slice-keeper.ts";
import {
  noTimesMs,
  type SlicedPrediction,
  type SliceProgress,
  SliceRun,
  unlimited,
} from "./slice-run.ts";
import { checkDecode, Slicing, type SlicingOptions } from "./slicing.ts";

export interface DetectSlicedOptions extends PredictOptions, SlicingOptions {
  /** At photo size, or none. Default `photo`. */
  readonly maskSize?: "photo" | "none" | undefined;
  /** Leave out the slices that touch none of these. Default: none are left out. */
  readonly regions?: readonly Region[] | undefined;
  /** Called before the first slice and after each run. */
  readonly onSlices?: ((progress: SliceProgress) => void) | undefined;
  /** Where an earlier attempt has kept what it found. Default: every attempt begins anew. */
  readonly resume?: ResumeOptions | undefined;
}

/**
 * Finds objects that are small on a large photo: cuts it into overlapping slices, predicts them in
 * batches, and makes one object of those that several slices show. `maxDetections` is of the photo,
 * by default any number; masks are at photo size, or none. What is found does not depend on what
 * else the model does meanwhile.
 *
 * @throws `INVALID_ARGUMENT` and what `predict` throws.
 */
export async function detectSliced(
  model: PhotoModel,
  photo: PhotoInput,
  options: DetectSlicedOptions = {},
): Promise<SlicedPrediction & Pick<Prediction, "reachedMaxDetections">> {
  const { slice, overlap, merge, fullImage, batchSize, ...others } = options;
  const { regions, onSlices, resume, ...predictOptions } = others;
  const { maxDetections = unlimited } = predictOptions;
  model.checkOptions({ ...predictOptions, maxDetections });
  const slicing = new Slicing({ slice, overlap, merge, fullImage, batchSize });
  checkDecode(predictOptions.decode, {});
  if (!["photo", "none", undefined].includes(predictOptions.maskSize)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected `maskSize` to be photo or none where a photo is sliced, got " +
        `\`${predictOptions.maskSize}\`.`,
    );
  }
  const { maxPixels, signal } = predictOptions;
  const times = new StepTimes(noTimesMs);
  const openOptions = { maxPixels, withGrey: model.channels === 1, signal };
  await using opened = await times.step("decode", () => openPhoto(photo, openOptions));
  const { pixels } = opened;
  const how = { slicing, regions, predictOptions, onSlices, resume, times };
  const prediction = await new SliceRun({ model, pixels, ...how }).run();
  const detections = prediction.detections.first(maxDetections);
  return { ...prediction, detections, reachedMaxDetections: detections.length >= maxDetections };
}
