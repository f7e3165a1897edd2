import { OrangeryError } from "../errors.ts";
import { trimProcessHeap } from "../native/process-heap.ts";
import type { Runtime, Session } from "../native/runtime.ts";
import type { Detections } from "../vision/detections.ts";
import { type Letterbox, letterboxInBands, planLetterbox } from "../vision/letterbox.ts";
import {
  assertPicture,
  decodePicture,
  type Picture,
  type PictureSource,
} from "../vision/picture.ts";
import { arenasOf, type Device } from "./device.ts";
import { EventLoopTurns } from "./event-loop-turns.ts";
import { InputTensors } from "./input-tensors.ts";
import type { ModelFile } from "./model-file.ts";
import { readDetections } from "./network-output.ts";
import type { OneAtATime } from "./one-at-a-time.ts";
import { checkPredictOptions, type PredictOptions } from "./predict-options.ts";
import type { YoloNetwork, YoloTask } from "./yolo-network.ts";

export type { PredictOptions } from "./predict-options.ts";
export type { YoloTask } from "./yolo-network.ts";

/** What a model found on a photo, and at what cost. */
export interface Prediction {
  /** Size of the photo, after its orientation was applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Best score first; boxes in photo pixels. */
  readonly detections: Detections;
  /** Where it ran: `cpu`, `cuda:0`, … */
  readonly device: string;
  readonly model: { readonly file: string; readonly task: YoloTask; readonly sha256: string };
  readonly timingsMs: {
    /** Reading and decoding; 0 for a picture that came decoded. */
    readonly decode: number;
    /** Resizing and padding into the network's input. */
    readonly preprocess: number;
    /** The run itself, without the wait for the device. */
    readonly inference: number;
    /** Suppression, scaling back and masks. */
    readonly postprocess: number;
    /** From call to answer, with the wait for the device. */
    readonly total: number;
  };
}

export interface YoloModelParts {
  readonly runtime: Runtime;
  readonly session: Session;
  readonly network: YoloNetwork;
  readonly file: ModelFile;
  readonly device: Device;
  /** Whose turn it is on the device. */
  readonly turns: OneAtATime;
}

/** A YOLO network for detection or segmentation, loaded on a device. Made by `ModelCache`. */
export class YoloModel implements AsyncDisposable {
  /** Path of the model file. */
  readonly file: string;
  /** Identity of the file's contents. */
  readonly sha256: string;
  readonly task: YoloTask;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** Where it runs: `cpu`, `cuda:0`, … */
  readonly device: string;
  /** Input extents are multiples of this, in pixels. */
  readonly stride: number;
  /** [height, width] of the input when none is asked for. */
  readonly defaultSizeHw: readonly [number, number];
  /** Whether `imageSize` can be chosen. */
  readonly freeSize: boolean;
  readonly #parts: YoloModelParts;
  readonly #inputs: InputTensors;
  readonly #inFlight = new Set<Promise<unknown>>();
  #disposed = false;

  constructor(parts: YoloModelParts) {
    const { file, network, device, runtime } = parts;
    this.file = file.path;
    this.sha256 = file.sha256;
    this.task = network.task;
    this.names = network.names;
    this.device = device.label;
    this.stride = network.stride;
    this.defaultSizeHw = network.defaultSizeHw;
    this.freeSize = network.fixedSizeHw === undefined;
    this.#parts = parts;
    this.#inputs = new InputTensors(runtime, network.inputType);
  }

  /**
   * Finds objects on a photo. One inference runs on a device at a time; decoding and preparing
   * overlap with it, so call again without waiting to keep the device busy.
   *
   * @param input Path, `file:` URL, encoded bytes, or a decoded picture.
   * @throws OrangeryError `INVALID_ARGUMENT`, `PHOTO_NOT_FOUND`, `PHOTO_UNREADABLE`,
   *   `PHOTO_TOO_LARGE`, `MODEL_RELEASED`, `ORT_FAILED`, or the signal's reason.
   */
  async predict(input: PictureSource, options: PredictOptions = {}): Promise<Prediction> {
    if (this.#disposed) {
      throw new OrangeryError(
        "MODEL_RELEASED",
        `Expected a loaded model, but \`${this.file}\` was released. Hold a lease while you use a model, or ask the cache again.`,
        { details: { file: this.file } },
      );
    }
    return await this.#track(this.#predict(input, options));
  }

  async #predict(input: PictureSource, options: PredictOptions): Promise<Prediction> {
    const { session, network, turns } = this.#parts;
    const { signal } = options;
    const checked = checkPredictOptions(options, network);
    signal?.throwIfAborted();

    const start = performance.now();
    const picture = await toPicture(input, options);
    const decoded = performance.now();

    const [height, width] = checked.inputSizeHw;
    const plan = planLetterbox({
      photoWh: [picture.widthPx, picture.heightPx],
      inputWh: [width, height],
      stride: network.stride,
      minimumRectangle: network.fixedSizeHw === undefined,
    });
    using input_ = this.#inputs.take([plan.inputHeight, plan.inputWidth]);
    await writeInput(picture, { plan, out: input_.tensor.data as Float32Array | Float16Array });
    const prepared = performance.now();

    let inferenceMs = 0;
    const outputs = await turns.run(async () => {
      const runStart = performance.now();
      const result = await session.run({ [network.inputName]: input_.tensor }, { signal });
      inferenceMs = performance.now() - runStart;
      return result;
    }, signal);
    const inferred = performance.now();
    try {
      const detections = await readDetections({ network, outputs, plan, options: checked });
      const end = performance.now();
      return {
        widthPx: picture.widthPx,
        heightPx: picture.heightPx,
        detections,
        device: this.device,
        model: { file: this.file, task: this.task, sha256: this.sha256 },
        timingsMs: {
          decode: decoded - start,
          preprocess: prepared - decoded,
          inference: inferenceMs,
          postprocess: end - inferred,
          total: end - start,
        },
      };
    } finally {
      for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
    }
  }

  /**
   * Gives the working memory that no run needs now back to the system or the device. A released
   * model has none.
   */
  async trimMemory(): Promise<void> {
    if (this.#disposed) return;
    const { session, turns, device } = this.#parts;
    this.#inputs.clear();
    await this.#track(turns.run(() => session.trimMemory(arenasOf(device))));
  }

  /** What is in flight is waited for before the model is released. */
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
    this.#disposed = true;
    await Promise.allSettled(this.#inFlight);
    this.#inputs[Symbol.dispose]();
    await this.#parts.session[Symbol.asyncDispose]();
    await trimProcessHeap();
  }
}

async function toPicture(
  input: PictureSource,
  { maxPixels, signal }: PredictOptions,
): Promise<Picture> {
  const isFile = typeof input === "string" || input instanceof URL || input instanceof Uint8Array;
  if (isFile) return await decodePicture(input, { maxPixels, signal });
  if (typeof input !== "object" || input === null) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a photo as a path, a file: URL, encoded bytes or a raw picture, got ${input}.`,
    );
  }
  assertPicture(input);
  return input;
}

async function writeInput(
  picture: Picture,
  { plan, out }: { plan: Letterbox; out: Float32Array | Float16Array },
): Promise<void> {
  const turns = new EventLoopTurns();
  const values = out instanceof Float32Array ? out : new Float32Array(out.length);
  for (const _ of letterboxInBands(picture, plan, values)) await turns.give();
  if (values !== out) out.set(values);
}
