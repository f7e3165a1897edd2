import { StepTimes } from "../../../base/step-times.ts";
import { urlScheme } from "../../../base/url.ts";
import type { ReducedPrecision } from "../../../models/files/model-file.ts";
import type { PredictOptions, YoloModel } from "../../../models/yolo/yolo-model.ts";
import { detectSliced } from "../../../pipeline/count/detect-sliced.ts";
import type { SliceProgress } from "../../../pipeline/count/slice-run.ts";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import type { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import type { AnnotatedPictures } from "../../../pipeline/run/annotated-pictures.ts";
import {
  openPhoto,
  openReduced,
  openWhole,
  type Pixels,
} from "../../../vision/photo/open-photo.ts";
import type { ReducedPicture } from "../../../vision/photo/reduced-picture.ts";
import type {
  DetectionArguments,
  DeviceArguments,
  PrecisionArguments,
} from "../../options/detection-options.ts";
import type { DecodeArguments } from "../../options/photo-options.ts";
import { readSampleOptions, type SampleArguments } from "../../options/sample-options.ts";
import type { NamedPhoto } from "./named-photos.ts";
import type { MaskForm, PrintedPrediction } from "./prediction-output.ts";

export interface PredictArguments
  extends DetectionArguments,
    DeviceArguments,
    PrecisionArguments,
    SampleArguments,
    DecodeArguments {
  readonly model: string;
  /** What a recipe's model computes in. */
  readonly reduced?: ReducedPrecision | undefined;
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
  readonly prediction: PrintedPrediction;
  readonly pictureFile: string | undefined;
}

/** Finds what is on a photo, and draws it. */
export async function predictPhoto(
  { name, source }: NamedPhoto,
  context: PredictContext,
): Promise<AnnotatedPrediction> {
  const { reader, pictures, signal, maxPixels, model, decode } = context;
  const times = new StepTimes<string>({});
  await using photo = await times.step("decode", async () => {
    const isRemote = urlScheme(name) !== undefined;
    const input = isRemote ? (await reader.read(name, { signal })).bytes : name;
    const withGrey = model.channels === 1;
    const options = { ...readSampleOptions(context), maxPixels, withGrey, signal };
    if (decode !== "fast") return await openPhoto(input, options);
    const wantedWhOf = (photoWh: readonly [number, number]) =>
      model.seenWh(photoWh, toPredictOptions(context));
    return await openReduced(input, { ...options, wantedWhOf });
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
  pixels: Pixels | ReducedPicture,
  context: PredictContext,
): Promise<PrintedPrediction> {
  const { model, slicing } = context;
  const options = toPredictOptions(context);
  if (slicing === undefined) return await model.predict(pixels, options);
  const onSlices = (slices: SliceProgress) => context.onSlices(source, slices);
  await using whole = await openWhole(pixels, { signal: context.signal });
  return await detectSliced(model, whole.pixels, { ...slicing, ...options, onSlices });
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
