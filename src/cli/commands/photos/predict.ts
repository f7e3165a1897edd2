import { printable } from "../../../base/printable.ts";
import { formatPlural } from "../../../base/quantities.ts";
import { ModelCache, type ReducedModel } from "../../../models/cache/model-cache.ts";
import { photoFailureOf } from "../../../pipeline/photos/photo-failure.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { settlePrecision } from "../../../pipeline/precision/settle-precision.ts";
import { AnnotatedPictures } from "../../../pipeline/run/annotated-pictures.ts";
import { displayPath, fromCaller, modelFromCaller } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { notePrecision, noteTrial } from "../../output/precision-notes.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { noteSlices } from "../../output/slice-notes.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { listNamedPhotos, type NamedPhoto } from "./named-photos.ts";
import { type AnnotatedPrediction, type PredictArguments, predictPhoto } from "./predict-photo.ts";
import {
  formatPredictionTable,
  type PrintedPrediction,
  toPredictionJson,
} from "./prediction-output.ts";

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
  const { signal, device, requireDevice, allowPrivateAddresses } = options;
  using progress = new ProgressDisplay();
  const pictures =
    options.annotate === undefined
      ? undefined
      : new AnnotatedPictures(fromCaller(options.annotate));
  await pictures?.prepare();
  using reader = new PhotoReader({ allowPrivateAddresses });
  const listed = await listNamedPhotos(reader, images, { signal, progress });
  await using cache = new ModelCache({
    models: { model: await settleModel(listed.photos, { ...options, reader, progress }) },
    device,
    requireDevice,
    logger: warningLog((line) => progress.note(line)),
  });
  await using lease = await cache.acquire("model", { signal });
  const context = {
    ...options,
    model: lease.model,
    reader,
    pictures,
    onSlices: noteSlices(progress),
  };

  let isComplete = listed.isComplete;
  let cutCount = 0;
  let fullCount = 0;
  // One ahead is decoded while the one before is inferred.
  const start = (image: NamedPhoto | undefined) => {
    const started = image && predictPhoto(image, context);
    // Its failure is handled when it is its turn.
    started?.catch(() => {});
    return started;
  };
  const { photos } = listed;
  let next = start(photos[0]);
  for (const [index, photo] of photos.entries()) {
    if (output.isClosed) break;
    const current = next!;
    next = start(photos[index + 1]);
    const prediction = await printPrediction(output, photo.shown, current, {
      ...options,
      progress,
    });
    isComplete &&= prediction !== undefined;
    if (prediction?.reachedNetworkLimit) fullCount++;
    else if (prediction?.reachedMaxDetections) cutCount++;
  }
  if (cutCount > 0) progress.note(noteOfCut(cutCount, options.maxDetections!));
  if (fullCount > 0) progress.note(noteOfFull(fullCount));
  return isComplete ? exitStatus.ok : exitStatus.incomplete;
}

/** As many as `orangery run` keeps on a photo. */
const runsMaxDetections = 3000;

function noteOfCut(photoCount: number, maxDetections: number): string {
  const more = maxDetections < runsMaxDetections ? runsMaxDetections : 10 * maxDetections;
  return (
    `+ ${formatPlural(photoCount, "photo")} reached --max-detections ${maxDetections}: ` +
    `there may be more objects. Find them with --max-detections ${more}.`
  );
}

function noteOfFull(photoCount: number): string {
  return (
    `+ ${formatPlural(photoCount, "photo")} reached the most objects that the network can ` +
    "return: there may be more. Find them in slices, or smaller ones, with --slice."
  );
}

/** Settles the precision of the model on the photos themselves. */
async function settleModel(
  photos: readonly NamedPhoto[],
  options: SignalledArguments & {
    readonly reader: PhotoReader;
    readonly progress: ProgressDisplay;
  },
): Promise<ReducedModel> {
  const { precision = "float32", reduced, slicing, decode, device, maxPixels } = options;
  const { confidence, classes, classConfidence, iou, maxDetections, imageSize } = options;
  const { reader, progress, signal } = options;
  const file = modelFromCaller(options.model);
  const asked = { confidence, classes, classConfidence, iou, maxDetections, imageSize };
  const count = { detect: { file, ...reduced, options: asked }, slicing, decode };
  const bySource = new Map(photos.map(({ name, source }) => [source, name]));
  const settled = await settlePrecision({
    precision,
    made: { count, sha256: { detect: undefined, segment: undefined } },
    readKnown: async () => [],
    device,
    maxPixels,
    listPhotos: async () => [...bySource.keys()],
    read: async (source) => (await reader.read(bySource.get(source)!, { signal })).bytes,
    onProgress: noteTrial(progress),
    signal,
  });
  notePrecision(progress, settled);
  const { detect } = settled.count;
  return { file, calibration: detect.calibration, precision: detect.precision };
}

/** Prints what was found on a photo and returns it, or prints why nothing was. */
async function printPrediction(
  output: StandardOutput,
  image: string,
  predicting: Promise<AnnotatedPrediction>,
  { json, masks, progress }: PredictArguments & { readonly progress: ProgressDisplay },
): Promise<PrintedPrediction | undefined> {
  try {
    const { prediction, pictureFile } = await predicting;
    const text = json
      ? `${JSON.stringify(toPredictionJson(image, prediction, masks))}\n`
      : formatPredictionTable(image, prediction);
    await output.write(text);
    if (pictureFile && !json) await output.write(`Drawn: ${displayPath(pictureFile)}\n`);
    return prediction;
  } catch (error) {
    const failure = photoFailureOf(error);
    if (!failure?.isCertain) throw error;
    const { code, message } = failure.reason;
    if (json) await output.writeJson({ image, error: { code, message } });
    progress.note(`orangery: ${printable(`${image}: ${message}`)} [${code}]`);
    return;
  }
}
