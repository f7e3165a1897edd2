import { readFile } from "node:fs/promises";
import { isOrangeryError } from "../../errors.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import { requireQuantizable } from "../../graph/quantize/quantized-values.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ModelFile } from "../../models/files/model-file.ts";
import { describeModel } from "../../models/yolo/model-description.ts";
import type { YoloModel } from "../../models/yolo/yolo-model.ts";
import type { Picture } from "../../vision/photo/picture.ts";
import { median } from "./device-speed.ts";
import type { MeasuredLoad, MeasuredPredictions } from "./measuring-messages.ts";

/** Warm-up predictions before memory is first read, while everything still grows. */
const settling = 30;
const predictionsMost = 200;
const predictForMs = 45_000;
/** Each way to share the cores is tried in a few runs, with photos side by side. */
const sharing = { photos: 3, predictionsMost: 60, forMs: 20_000 };

/** Loads a model that this process has nothing of. */
export async function measureLoad(model: string): Promise<MeasuredLoad> {
  const { file, names, ...description } = await describeModel(model);
  const { task, imageSizeHw, elementType, gflops, parameters } = description;
  await using cache = new ModelCache({ models: { model } });
  const beganAtMs = performance.now();
  await using _ = await cache.acquire("model");
  return {
    description: {
      task,
      imageSizeHw,
      elementType,
      gflops,
      parameters,
      description: description.description,
    },
    classes: names.length,
    format: file.format,
    fileBytes: file.bytes,
    sha256: file.sha256,
    loadMs: performance.now() - beganAtMs,
    whyNoInt8: await whyNoInt8(file),
  };
}

/** Decides it as a run with `--precision auto` does. A checkpoint's network is always suitable. */
async function whyNoInt8({ path, format }: ModelFile): Promise<string | undefined> {
  if (format === "checkpoint") return undefined;
  try {
    requireQuantizable(readWholeModel(await readFile(path)));
    return undefined;
  } catch (error) {
    if (isOrangeryError(error)) return error.message;
    throw error;
  }
}

/** Loads a model as it was saved, and predicts with it until its memory can be judged. */
export async function measurePredictions(
  model: string,
  onProgress: (text: string) => void,
): Promise<MeasuredPredictions> {
  await using cache = new ModelCache({ models: { model } });
  const beganAtMs = performance.now();
  await using lease = await cache.acquire("model");
  const loadMs = performance.now() - beganAtMs;
  const yolo = lease.model;
  const photo = drawPhoto(yolo);
  const times: number[] = [];
  let bytesBefore: number | undefined;
  const predictAtMs = performance.now();
  const isDone = () =>
    times.length >= predictionsMost ||
    (times.length > 1 && performance.now() - predictAtMs > predictForMs);
  while (!isDone()) {
    const atMs = performance.now();
    await yolo.predict(photo);
    times.push(performance.now() - atMs);
    await cache.taskDone();
    if (times.length === settling) bytesBefore = readBytes();
    if (times.length % 10 === 0) onProgress(`${times.length} of ${predictionsMost} predictions`);
  }
  const bytesAfter = readBytes();
  const peakBytes = 1024 * process.resourceUsage().maxRSS;
  onProgress("predictions side by side");
  await shareCores(yolo, photo);
  return {
    device: yolo.device,
    fallbackReason: yolo.fallbackReason,
    precision: yolo.precision,
    loadMs,
    firstMs: times[0]!,
    medianMs: median(times.slice(1)),
    predictions: times.length,
    bytesBefore: bytesBefore ?? bytesAfter,
    bytesAfter,
    peakBytes,
    runs: yolo.runs,
  };
}

/** Predicts several photos at a time until it is known how their runs share the cores best. */
async function shareCores(yolo: YoloModel, photo: Picture): Promise<void> {
  const untilMs = performance.now() + sharing.forMs;
  let left = sharing.predictionsMost;
  const isWanted = () =>
    yolo.runs?.isMeasuring === true && left-- > 0 && performance.now() < untilMs;
  const lane = async () => {
    while (isWanted()) await yolo.predict(photo);
  };
  await Promise.all(Array.from({ length: sharing.photos }, lane));
}

function readBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

/** A picture of the size that the model was trained for, with edges and shades in it. */
function drawPhoto({ defaultSizeHw: [heightPx, widthPx] }: YoloModel): Picture {
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (let index = 0; index < data.length; index++) {
    const [x, y] = [Math.floor(index / 3) % widthPx, Math.floor(index / 3 / widthPx)];
    const isDark = ((x >> 5) + (y >> 5)) % 3 === 0;
    data[index] = isDark ? 40 : (x + y * (1 + (index % 3))) & 0xff;
  }
  return { data, widthPx, heightPx };
}
