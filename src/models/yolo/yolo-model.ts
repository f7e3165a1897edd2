import { EventLoopTurns } from "../../base/event-loop-turns.ts";
import { StepTimes } from "../../base/step-times.ts";
import { OrangeryError } from "../../errors.ts";
import { countLargeBuffer, trimProcessHeap } from "../../native/process-heap.ts";
import type { ExecutionProviderName, Runtime, Tensor } from "../../native/runtime.ts";
import { letterboxInBands, letterboxInStrips } from "../../vision/letterbox/letterbox.ts";
import type { InputLayout, InputValues } from "../../vision/letterbox/letterbox-rows.ts";
import { type Letterbox, planLetterbox } from "../../vision/letterbox/plan-letterbox.ts";
import {
  type OpenPhoto,
  openPhoto,
  openReduced,
  type PhotoInput,
  type Pixels,
} from "../../vision/photo/open-photo.ts";
import { assertPicture, type Picture } from "../../vision/photo/picture.ts";
import { PictureOnDisk } from "../../vision/photo/picture-on-disk.ts";
import { PictureSlice } from "../../vision/photo/picture-slice.ts";
import { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import { computesOnCpu, type Device } from "../devices/device.ts";
import { type ModelFile, networkIdentity } from "../files/model-file.ts";
import type { RunChoice } from "../runs/choose-runs.ts";
import type { ModelRuns } from "../runs/model-runs.ts";
import { takeInHand } from "../runs/photos-in-hand.ts";
import { readDetections } from "./network-output.ts";
import { NetworkRuns } from "./network-runs.ts";
import type { NetworkSignature, Precision, YoloTask } from "./network-signature.ts";
import {
  type CheckedPredictOptions,
  checkPredictOptions,
  type PredictOptions,
} from "./predict-options.ts";
import { type Prediction, toPredictingModel } from "./prediction.ts";

export type { Precision, YoloTask } from "./network-signature.ts";
export type { PredictOptions } from "./predict-options.ts";
export type { PredictingModel, Prediction } from "./prediction.ts";

/** The steps of a prediction, in their order. */
const noTimesMs = { decode: 0, preprocess: 0, inference: 0, postprocess: 0 };

export interface YoloModelParts {
  readonly runtime: Runtime;
  readonly runs: ModelRuns;
  readonly network: NetworkSignature;
  readonly file: ModelFile;
  readonly device: Device;
  readonly fallbackReason?: string | undefined;
}

interface InferOptions {
  readonly signal: AbortSignal | undefined;
  readonly onPrepared?: (() => Promise<void>) | undefined;
}

/** A YOLO network for detection or segmentation, loaded on a device. Made by `ModelCache`. */
export class YoloModel implements AsyncDisposable {
  /** Path of the model file. */
  readonly file: string;
  /** Identity of the file's contents. */
  readonly sha256: string;
  /** Identity of what it computes: of the file's contents, and of its calibration. */
  readonly identity: string;
  readonly task: YoloTask;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** The device it runs on: `cpu`, `cuda:0`, … */
  readonly device: string;
  /** The kind of that device, without its number. */
  readonly deviceKind: ExecutionProviderName;
  /** Whether it runs on the processor's cores, by whatever provider. */
  readonly isOnCpu: boolean;
  /** Why it does not run on the device that was wanted; undefined where it does. */
  readonly fallbackReason: string | undefined;
  /** What it computes in. */
  readonly precision: Precision;
  /** 3 where it reads colours, 1 where it reads grey. */
  readonly channels: 1 | 3;
  /** Input extents are multiples of this, in pixels. */
  readonly stride: number;
  /** [height, width] of the input when none is asked for. */
  readonly defaultSizeHw: readonly [number, number];
  /** Whether `imageSize` can be chosen. */
  readonly freeSize: boolean;
  readonly #parts: YoloModelParts;
  readonly #networkRuns: NetworkRuns;
  readonly #inFlight = new Set<Promise<unknown>>();
  #isDisposed = false;

  constructor(parts: YoloModelParts) {
    const { file, network, device } = parts;
    this.file = file.path;
    this.sha256 = file.sha256;
    this.identity = networkIdentity(file);
    this.task = network.task;
    this.names = network.names;
    this.device = device.label;
    this.deviceKind = device.kind;
    this.isOnCpu = computesOnCpu(device);
    this.fallbackReason = parts.fallbackReason;
    this.precision = network.precision;
    this.channels = network.inputChannels;
    this.stride = network.stride;
    this.defaultSizeHw = network.defaultSizeHw;
    this.freeSize = network.fixedSizeHw === undefined;
    this.#parts = parts;
    this.#networkRuns = new NetworkRuns(parts);
  }

  /**
   * The most pictures that one run takes: 1 where the network's batch is fixed, and where it is
   * free less than at first once memory has run out.
   */
  get largestBatch(): number {
    return this.#networkRuns.largestBatch;
  }

  /**
   * How runs share the cores of the CPU, as it was chosen for the size of input that was run last;
   * undefined on other devices and before the first run.
   */
  get runs(): RunChoice | undefined {
    return this.#parts.runs.plan?.choice;
  }

  /**
   * Checks options against the network, for callers that want to know before the first photo.
   *
   * @throws `INVALID_ARGUMENT`
   */
  checkOptions(options: PredictOptions): void {
    checkPredictOptions(options, this.#parts.network);
  }

  /**
   * Finds objects on a photo. Inferences of all threads take turns on a device; decoding and
   * preparing overlap with them, so call again without waiting to keep the device busy. As many
   * photos of the process are in hand as that takes; the others wait as they were given.
   *
   * @param input Path, `file:` URL, encoded bytes, or a decoded picture. A photo of more than 64
   *   million pixels is unpacked to a temporary file.
   * @throws `INVALID_ARGUMENT`, `PHOTO_NOT_FOUND`, `PHOTO_UNREADABLE`,
   *   `PHOTO_TOO_LARGE`, `PHOTO_NO_SPACE`, `MODEL_RELEASED`, `ORT_FAILED`, `INFERENCE_NOT_FINITE`,
   *   or the signal's reason.
   */
  async predict(
    input: PhotoInput | ReducedPicture,
    options: PredictOptions = {},
  ): Promise<Prediction> {
    this.#requireUsable();
    return await this.#track(this.#predict(input, options));
  }

  /**
   * Finds objects on pictures that make one batch: in one run where the network's batch is free,
   * otherwise in a run each. When memory runs out, in runs of half as many, and so from then on.
   *
   * @param pictures Of one size, or of sizes that need the same network input. Of a slice of a
   *   photo the pixels are read where they are.
   * @returns One prediction a picture, in order.
   * @throws as {@link predict}.
   */
  async predictBatch(
    pictures: readonly (Picture | PictureSlice)[],
    options: PredictOptions = {},
  ): Promise<Prediction[]> {
    this.#requireUsable();
    return await this.#track(this.#predictBatch(pictures, options));
  }

  #requireUsable(): void {
    if (!this.#isDisposed) return;
    throw new OrangeryError(
      "MODEL_RELEASED",
      `Expected a loaded model, but \`${this.file}\` was released. ` +
        "Hold a lease while you use a model, or ask the cache again.",
      { details: { file: this.file } },
    );
  }

  /**
   * Returns [width, height] at which the network sees a photo of this size.
   *
   * @throws `INVALID_ARGUMENT`
   */
  seenWh(
    [widthPx, heightPx]: readonly [number, number],
    options: PredictOptions = {},
  ): readonly [number, number] {
    const checked = checkPredictOptions(options, this.#parts.network);
    const { resizedWidth, resizedHeight } = this.#planInput({ widthPx, heightPx }, checked);
    return [resizedWidth, resizedHeight];
  }

  async #predict(input: PhotoInput | ReducedPicture, options: PredictOptions): Promise<Prediction> {
    const { signal } = options;
    const checked = checkPredictOptions(options, this.#parts.network);
    signal?.throwIfAborted();
    const times = new StepTimes(noTimesMs);
    const predict = async () => {
      await using open = new AsyncDisposableStack();
      const photo = open.use(await times.step("decode", () => this.#open(input, options)));
      // Its pixels are not needed while the input waits for the device.
      const onPrepared = () => open.disposeAsync();
      const [prediction] = await this.#infer([photo.pixels], checked, { signal, onPrepared });
      if (photo.pixels !== input) await countLargeBuffer();
      times.add(prediction!.timingsMs);
      return { ...prediction!, timingsMs: times.withTotal() };
    };
    return await takeInHand(this, predict, signal);
  }

  async #open(
    input: PhotoInput | ReducedPicture,
    options: PredictOptions,
  ): Promise<OpenPhoto<Pixels | ReducedPicture>> {
    const { maxPixels, decode, signal } = options;
    const how = { maxPixels, withGrey: this.channels === 1, signal };
    const isWhole = decode !== "fast" && !(input instanceof ReducedPicture);
    if (isWhole) return await openPhoto(input, how);
    const wantedWhOf = (photoWh: readonly [number, number]) => this.seenWh(photoWh, options);
    return await openReduced(input, { ...how, wantedWhOf });
  }

  async #predictBatch(
    pictures: readonly (Picture | PictureSlice)[],
    options: PredictOptions,
  ): Promise<Prediction[]> {
    const { signal } = options;
    const checked = checkPredictOptions(options, this.#parts.network);
    for (const picture of pictures) {
      if (!(picture instanceof PictureSlice)) assertPicture(picture);
    }
    const infer = (batch: readonly (Picture | PictureSlice)[]) =>
      this.#infer(batch, checked, { signal });
    return await this.#networkRuns.inBatches(pictures, infer, signal);
  }

  /** One run for all. `onPrepared` is called when the photos are in the network's input. */
  async #infer(
    photos: readonly (Pixels | PictureSlice | ReducedPicture)[],
    options: CheckedPredictOptions,
    { signal, onPrepared }: InferOptions,
  ): Promise<Prediction[]> {
    const { network } = this.#parts;
    signal?.throwIfAborted();
    const times = new StepTimes(noTimesMs);
    const plans = photos.map((photo) => this.#planInput(photo, options));
    const inputHw = requireOneSize(plans);
    using input = this.#networkRuns.takeInput(inputHw, photos.length);
    await times.step("preprocess", () =>
      writeInputs(photos, plans, input.tensor, network.inputLayout),
    );
    await onPrepared?.();
    using found = new DisposableStack();
    const parts = await this.#networkRuns.run(input.tensor, photos.length, signal);
    for (const part of parts) found.use(part);
    const predictions: Prediction[] = [];
    for (const [at, { outputs, index, inferenceMs }] of parts.entries()) {
      const plan = plans[at]!;
      const own = times.shareOf(photos.length);
      own.add({ inference: inferenceMs });
      const read = await own.step("postprocess", () =>
        readDetections({ network, outputs, index, plan, options }),
      );
      predictions.push({
        widthPx: plan.photoWidth,
        heightPx: plan.photoHeight,
        ...read,
        device: this.device,
        model: toPredictingModel(this),
        timingsMs: own.withTotal(),
      });
    }
    return predictions;
  }

  #planInput(
    { widthPx, heightPx }: Pick<Pixels, "widthPx" | "heightPx">,
    { inputSizeHw }: CheckedPredictOptions,
  ): Letterbox {
    const { stride, fixedSizeHw } = this.#parts.network;
    const [height, width] = inputSizeHw;
    return planLetterbox({
      photoWh: [widthPx, heightPx],
      inputWh: [width, height],
      stride,
      minimumRectangle: fixedSizeHw === undefined,
    });
  }

  /**
   * Gives the working memory that no run needs now back to the system or the device. A released
   * model has none.
   */
  async trimMemory(): Promise<void> {
    if (this.#isDisposed) return;
    await this.#track(this.#networkRuns.trimMemory());
  }

  /** Work in flight is waited for before the model is released. */
  async #track<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
    }
  }

  /** Refuses new predictions, waits for those in flight, then releases the model. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled(this.#inFlight);
    await this.#networkRuns[Symbol.asyncDispose]();
    await trimProcessHeap();
  }
}

/** [height, width] of the input that all pictures of a batch have. */
function requireOneSize(plans: readonly Letterbox[]): readonly [number, number] {
  const sizes = new Set(plans.map(({ inputHeight, inputWidth }) => `${inputHeight}×${inputWidth}`));
  const [first] = plans;
  if (first !== undefined && sizes.size === 1) return [first.inputHeight, first.inputWidth];
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected pictures that need one size of the network's input, ` +
      `got ${[...sizes].join(", ") || "no picture"}. Predict those of other shapes by themselves.`,
  );
}

async function writeInputs(
  photos: readonly (Pixels | PictureSlice | ReducedPicture)[],
  plans: readonly Letterbox[],
  { data, shape }: Tensor,
  layout: InputLayout,
): Promise<void> {
  const all = data as InputValues;
  const length = all.length / shape[0]!;
  const turns = new EventLoopTurns();
  for (const [index, photo] of photos.entries()) {
    const out = all.subarray(index * length, (index + 1) * length);
    const plan = plans[index]!;
    if (photo instanceof PictureOnDisk) await letterboxInStrips(photo, plan, out, layout);
    else for (const _ of letterboxInBands(photo, plan, out, layout)) await turns.give();
  }
}
