import { printable } from "../../../base/printable.ts";
import { StepTimes } from "../../../base/step-times.ts";
import { ModelCache } from "../../../models/cache/model-cache.ts";
import type { Prediction, PredictOptions, YoloModel } from "../../../models/yolo/yolo-model.ts";
import { detectSliced } from "../../../pipeline/count/detect-sliced.ts";
import type { SlicedPrediction } from "../../../pipeline/count/slice-run.ts";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import { photoFailureOf } from "../../../pipeline/photos/photo-failure.ts";
import { AnnotatedPictures } from "../../../pipeline/run/annotated-pictures.ts";
import { openPhoto, type Pixels } from "../../../vision/photo/open-photo.ts";
import { displayPath, fromCaller, modelFromCaller } from "../../options/caller-paths.ts";
import type { DetectionArguments, DeviceArguments } from "../../options/detection-options.ts";
import { readSamples, type SampleArguments } from "../../options/sample-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { formatPredictionTable, type MaskForm, toPredictionJson } from "./prediction-output.ts";

export interface PredictArguments extends DetectionArguments, DeviceArguments, SampleArguments {
  readonly model: string;
  readonly maxPixels?: number;
  readonly masks: MaskForm;
  readonly slicing?: SlicingOptions | undefined;
  readonly annotate?: string;
  readonly json?: boolean;
}

/** Runs `orangery predict`; resolves to the exit status. */
export async function predict(
  output: StandardOutput,
  images: readonly string[],
  options: PredictArguments,
): Promise<number> {
  return await interruptible(({ stop: signal }) =>
    predictAll(output, images, { ...options, signal }),
  );
}

type SignalledArguments = PredictArguments & { readonly signal: AbortSignal };

async function predictAll(
  output: StandardOutput,
  images: readonly string[],
  options: SignalledArguments,
): Promise<number> {
  const { signal, device, requireDevice } = options;
  const pictures =
    options.annotate === undefined
      ? undefined
      : new AnnotatedPictures(fromCaller(options.annotate));
  await pictures?.prepare();
  await using cache = new ModelCache({
    models: { model: modelFromCaller(options.model) },
    device,
    requireDevice,
    logger: warningLog((line) => process.stderr.write(`${line}\n`)),
  });
  await using lease = await cache.acquire("model", { signal });

  const start = (image: string) => predictOne(lease.model, image, { ...options, pictures });
  let status: number = exitStatus.ok;
  // One ahead is decoded while the one before is inferred.
  let next = images[0] === undefined ? undefined : start(images[0]);
  for (const [index, image] of images.entries()) {
    const current = next!;
    const following = images[index + 1];
    next = following === undefined ? undefined : start(following);
    // Its failure is handled when it is its turn.
    next?.catch(() => {});
    try {
      const { prediction, pictureFile } = await current;
      const text = options.json
        ? `${JSON.stringify(toPredictionJson(image, prediction, options.masks))}\n`
        : formatPredictionTable(image, prediction);
      await output.write(text);
      if (pictureFile && !options.json) await output.write(`Drawn: ${displayPath(pictureFile)}\n`);
    } catch (error) {
      const failure = photoFailureOf(error);
      if (!failure?.isCertain) throw error;
      status = exitStatus.incomplete;
      const { code, message } = failure.reason;
      if (options.json) await output.writeJson({ image, error: { code, message } });
      process.stderr.write(`orangery: ${printable(`${image}: ${message}`)} [${code}]\n`);
    }
    if (output.isClosed) break;
  }
  return status;
}

interface AnnotatedPrediction {
  readonly prediction: Prediction | SlicedPrediction;
  readonly pictureFile: string | undefined;
}

async function predictOne(
  model: YoloModel,
  image: string,
  options: SignalledArguments & { readonly pictures: AnnotatedPictures | undefined },
): Promise<AnnotatedPrediction> {
  const { pictures, signal, maxPixels } = options;
  const path = fromCaller(image);
  const times = new StepTimes<string>({});
  await using photo = await times.step("decode", () =>
    openPhoto(path, { ...readSamples(options), maxPixels, signal }),
  );
  const prediction = await predictPixels(model, photo.pixels, options);
  times.add(prediction.timingsMs);
  const timingsMs = { ...prediction.timingsMs, ...times.withTotal() };
  const pictureFile = await pictures?.write(path, photo.pixels, {
    objects: prediction.detections,
  });
  return { prediction: { ...prediction, timingsMs }, pictureFile };
}

async function predictPixels(
  model: YoloModel,
  pixels: Pixels,
  options: SignalledArguments,
): Promise<Prediction | SlicedPrediction> {
  const predictOptions = toPredictOptions(options);
  return options.slicing === undefined
    ? await model.predict(pixels, predictOptions)
    : await detectSliced(model, pixels, { ...options.slicing, ...predictOptions });
}

function toPredictOptions(options: SignalledArguments) {
  const { confidence, iou, maxDetections, imageSize, signal } = options;
  const needsMasks = options.annotate !== undefined || (options.json && options.masks !== "none");
  return {
    confidence,
    iou,
    maxDetections,
    imageSize,
    signal,
    maskSize: needsMasks ? "photo" : "none",
  } as const satisfies PredictOptions;
}
