import { StepTimes } from "../../../base/step-times.ts";
import { urlScheme } from "../../../base/url.ts";
import type { Prediction, PredictOptions, YoloModel } from "../../../models/yolo/yolo-model.ts";
import { detectSliced } from "../../../pipeline/count/detect-sliced.ts";
import type { SlicedPrediction, SliceProgress } from "../../../pipeline/count/slice-run.ts";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import type { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import type { AnnotatedPictures } from "../../../pipeline/run/annotated-pictures.ts";
import { openPhoto, type Pixels } from "../../../vision/photo/open-photo.ts";
import type { DetectionArguments, DeviceArguments } from "../../options/detection-options.ts";
import { readSampleOptions, type SampleArguments } from "../../options/sample-options.ts";
import type { NamedPhoto } from "./named-photos.ts";
import type { MaskForm } from "./prediction-output.ts";

export interface PredictArguments extends DetectionArguments, DeviceArguments, SampleArguments {
  readonly model: string;
  readonly maxPixels?: number;
  readonly masks: MaskForm;
  readonly slicing?: SlicingOptions | undefined;
  readonly annotate?: string;
  readonly allowPrivateAddresses?: boolean;
  readonly json?: boolean;
}

/** What the photos of one command have in common. */
export interface PredictContext extends Omit<PredictArguments, "model"> {
  readonly model: YoloModel;
  readonly onSlices: (photo: string, slices: SliceProgress) => void;
  readonly signal: AbortSignal;
  readonly reader: PhotoReader;
  readonly pictures: AnnotatedPictures | undefined;
}

export interface AnnotatedPrediction {
  readonly prediction: Prediction | SlicedPrediction;
  readonly pictureFile: string | undefined;
}

/** Finds what is on a photo, and draws it. */
export async function predictPhoto(
  { name, source }: NamedPhoto,
  context: PredictContext,
): Promise<AnnotatedPrediction> {
  const { reader, pictures, signal, maxPixels } = context;
  const times = new StepTimes<string>({});
  await using photo = await times.step("decode", async () => {
    const isRemote = urlScheme(name) !== undefined;
    const input = isRemote ? (await reader.read(name, { signal })).bytes : name;
    const withGrey = context.model.channels === 1;
    return await openPhoto(input, { ...readSampleOptions(context), maxPixels, withGrey, signal });
  });
  const prediction = await predictPixels(source, photo.pixels, context);
  times.add(prediction.timingsMs);
  const timingsMs = { ...prediction.timingsMs, ...times.withTotal() };
  const pictureFile = await pictures?.write(source, photo.pixels, {
    objects: prediction.detections,
  });
  return { prediction: { ...prediction, timingsMs }, pictureFile };
}

async function predictPixels(
  source: string,
  pixels: Pixels,
  context: PredictContext,
): Promise<Prediction | SlicedPrediction> {
  const { model, slicing } = context;
  const options = toPredictOptions(context);
  if (slicing === undefined) return await model.predict(pixels, options);
  const onSlices = (slices: SliceProgress) => context.onSlices(source, slices);
  return await detectSliced(model, pixels, { ...slicing, ...options, onSlices });
}

function toPredictOptions(options: PredictContext) {
  const { confidence, classes, classConfidence, iou, maxDetections, imageSize, signal } = options;
  const needsMasks = options.annotate !== undefined || (options.json && options.masks !== "none");
  return {
    confidence,
    classes,
    classConfidence,
    iou,
    maxDetections,
    imageSize,
    signal,
    maskSize: needsMasks ? "photo" : "none",
  } as const satisfies PredictOptions;
}
