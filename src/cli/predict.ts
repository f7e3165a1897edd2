import { isOrangeryError } from "../errors.ts";
import { ModelCache } from "../models/model-cache.ts";
import type { Prediction, PredictOptions, YoloModel } from "../models/yolo-model.ts";
import { AnnotatedPictures } from "../pipeline/annotated-pictures.ts";
import { decodePicture } from "../vision/picture.ts";
import { displayPath, fromCaller } from "./caller-folder.ts";
import { exitStatus } from "./exit-status.ts";
import { Interrupts } from "./interrupts.ts";
import { modelFromCaller } from "./model-argument.ts";
import type { PredictionArguments } from "./prediction-options.ts";
import { formatPredictionTable, type MaskForm, toPredictionJson } from "./prediction-output.ts";
import type { StandardOutput } from "./standard-output.ts";

export interface PredictArguments extends PredictionArguments {
  readonly model: string;
  readonly masks: MaskForm;
  readonly annotate?: string;
  readonly json?: boolean;
}

/** Does what `orangery predict` was asked for; resolves to the exit status. */
export async function predict(
  output: StandardOutput,
  images: readonly string[],
  options: PredictArguments,
): Promise<number> {
  using interrupts = new Interrupts({ onInterrupt: () => {} });
  try {
    return await predictAll(output, images, { ...options, signal: interrupts.stop });
  } catch (error) {
    if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
    throw error;
  }
}

type AnswerOptions = PredictArguments & { readonly signal: AbortSignal };

async function predictAll(
  output: StandardOutput,
  images: readonly string[],
  options: AnswerOptions,
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
  });
  cache.on("device:fallback", ({ from, to, reason }) => {
    process.stderr.write(`The model cannot run on ${from} and goes to ${to}: ${reason}\n`);
  });
  await using lease = await cache.acquire("model", { signal });

  const answer = (image: string) => predictOne(lease.model, image, { ...options, pictures });
  let status: number = exitStatus.ok;
  // One ahead: it is decoded while the one before is inferred.
  let next = images[0] === undefined ? undefined : answer(images[0]);
  for (const [index, image] of images.entries()) {
    const current = next!;
    const following = images[index + 1];
    next = following === undefined ? undefined : answer(following);
    // Its failure is dealt with in its turn.
    next?.catch(() => {});
    try {
      const { prediction, pictureFile } = await current;
      const text = options.json
        ? `${JSON.stringify(toPredictionJson(image, prediction, options.masks))}\n`
        : formatPredictionTable(image, prediction);
      await output.write(text);
      if (pictureFile && !options.json) await output.write(`Drawn: ${displayPath(pictureFile)}\n`);
    } catch (error) {
      if (!isOrangeryError(error) || !error.code.startsWith("PHOTO_")) throw error;
      status = exitStatus.incomplete;
      const { code, message } = error;
      if (options.json) await output.writeJson({ image, error: { code, message } });
      process.stderr.write(`orangery: ${image}: ${message} [${code}]\n`);
    }
    if (output.isClosed) break;
  }
  return status;
}

interface Answer {
  readonly prediction: Prediction;
  readonly pictureFile: string | undefined;
}

async function predictOne(
  model: YoloModel,
  image: string,
  options: AnswerOptions & { readonly pictures: AnnotatedPictures | undefined },
): Promise<Answer> {
  const { pictures, signal, maxPixels } = options;
  const path = fromCaller(image);
  const startedAt = performance.now();
  const picture = await decodePicture(path, { maxPixels, signal });
  const decode = performance.now() - startedAt;
  const { timingsMs, ...prediction } = await model.predict(picture, toPredictOptions(options));
  const pictureFile = await pictures?.write(path, picture, { detect: prediction.detections });
  const total = timingsMs.total + decode;
  return { prediction: { ...prediction, timingsMs: { ...timingsMs, decode, total } }, pictureFile };
}

function toPredictOptions(options: AnswerOptions): PredictOptions {
  const { confidence, iou, maxDetections, imageSize, signal } = options;
  const needsMasks = options.annotate !== undefined || (options.json && options.masks !== "none");
  return {
    confidence,
    iou,
    maxDetections,
    imageSize,
    signal,
    maskSize: needsMasks ? "photo" : "none",
  };
}
