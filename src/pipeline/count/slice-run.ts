import { StepTimes } from "../../base/step-times.ts";
import { usualBatch } from "../../models/runs/usual-batch.ts";
import { type Prediction, toPredictingModel } from "../../models/yolo/prediction.ts";
import type { PredictOptions } from "../../models/yolo/yolo-model.ts";
import { Detections } from "../../vision/detections.ts";
import { type Pixels, slicePixels } from "../../vision/photo/open-photo.ts";
import type { PictureSlice } from "../../vision/photo/picture-slice.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import type { Region } from "../../vision/region.ts";
import type { PhotoModel } from "./model-use.ts";
import {
  type ResumeOptions,
  type SliceFindings,
  SliceKeeper,
  type SlicesToKeep,
} from "./slice-keeper.ts";
import { slicesTouching } from "./slices-in-regions.ts";
import type { Slicing } from "./slicing.ts";

/** What was found on a photo slice by slice, and at what cost. */
export interface SlicedPrediction {
  /** Size of the photo, after its orientation was applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** Best score first; boxes in px of the photo. */
  readonly detections: Detections;
  readonly device: string;
  readonly model: Prediction["model"];
  /**
   * Whether the network returned all that it can for any slice (`Prediction`), also for one that an
   * earlier attempt has kept.
   */
  readonly reachedNetworkLimit: boolean;
  /** Pictures that the network was given: the slices, and the whole photo if it was asked for. */
  readonly sliceCount: number;
  /** Sums over all slices. */
  readonly timingsMs: Prediction["timingsMs"] & {
    /** Cutting the slices out of the photo. */
    readonly slice: number;
    /** Making one object of those that several slices show. */
    readonly merge: number;
  };
}

/** The steps of a sliced prediction, in their order. */
export const noTimesMs = {
  decode: 0,
  slice: 0,
  preprocess: 0,
  inference: 0,
  postprocess: 0,
  merge: 0,
};

/**
 * While batches are inferred, the next is cut and written into the network's input: a CPU takes two
 * at a time where that pays.
 */
const batchesInFlight = 3;

/** As many as the network finds. */
export const unlimited = Number.MAX_SAFE_INTEGER;

/** How far a sliced photo is. */
export interface SliceProgress {
  readonly done: number;
  readonly total: number;
}

export interface SliceRunOptions {
  readonly model: PhotoModel;
  readonly pixels: Pixels;
  readonly slicing: Slicing;
  readonly regions?: readonly Region[] | undefined;
  /** `maxDetections` is ignored, since merging needs all objects. */
  readonly predictOptions: PredictOptions;
  /** Called before the first slice and after each run. */
  readonly onSlices?: ((progress: SliceProgress) => void) | undefined;
  /** Where an earlier attempt has kept what it found. Default: every attempt begins anew. */
  readonly resume?: ResumeOptions | undefined;
  /** Steps that were timed before. Default: none. */
  readonly times?: StepTimes<keyof typeof noTimesMs> | undefined;
}

/** The slices of one photo on their way through the network. */
export class SliceRun {
  readonly #options: SliceRunOptions;
  readonly #predictOptions: PredictOptions;
  readonly #photoWh: readonly [number, number];
  readonly #slices: readonly Slice[];
  readonly #hasFullImage: boolean;
  /** One a slice, in the slices' order, then the whole photo's. */
  #found: Detections[] = [];
  readonly #times: StepTimes<keyof typeof noTimesMs>;
  readonly #keeper: SliceKeeper | undefined;
  #next = 0;
  #doneCount = 0;
  #hasFailed = false;
  #hasReachedLimit = false;

  constructor(options: SliceRunOptions) {
    const { pixels, slicing, regions, predictOptions, resume } = options;
    const { times = new StepTimes(noTimesMs) } = options;
    this.#options = options;
    this.#times = times;
    this.#predictOptions = { ...predictOptions, maxDetections: unlimited };
    this.#photoWh = [pixels.widthPx, pixels.heightPx];
    const planned = slicing.plan(this.#photoWh);
    // One slice is the whole photo already.
    this.#hasFullImage = slicing.fullImage && planned.length > 1;
    const masks = regions?.map(({ mask }) => mask);
    this.#slices = masks === undefined ? planned : slicesTouching(planned, masks);
    this.#keeper = resume && new SliceKeeper(resume, this.#decisive);
  }

  async run(): Promise<SlicedPrediction> {
    const { model, slicing } = this.#options;
    const restored = await this.#keeper?.restore();
    if (restored !== undefined) {
      this.#found = [...restored.detections];
      this.#hasReachedLimit = restored.reachedNetworkLimit;
    }
    this.#next = this.#found.length;
    this.#report(this.#found.length);
    const lanes = Array.from({ length: batchesInFlight }, () => this.#lane());
    // The photo must stay open as long as a lane reads it.
    for (const outcome of await Promise.allSettled(lanes)) {
      if (outcome.status === "fulfilled") continue;
      await this.#keeper?.keepLast(this.#findings);
      throw outcome.reason;
    }
    await this.#keeper?.settled();
    if (this.#hasFullImage) await this.#predictWhole();
    const detections = await this.#times.step("merge", () =>
      this.#found.length > 0 ? slicing.merge(this.#found) : Detections.empty(model.names),
    );
    const [widthPx, heightPx] = this.#photoWh;
    return {
      widthPx,
      heightPx,
      detections,
      device: model.device,
      model: toPredictingModel(model),
      reachedNetworkLimit: this.#hasReachedLimit,
      sliceCount: this.#found.length,
      timingsMs: this.#times.withTotal(),
    };
  }

  /** All that decides what is found on a slice. */
  get #decisive(): SlicesToKeep {
    return {
      model: this.#options.model,
      photoWh: this.#photoWh,
      slices: this.#slices,
      batchSize: this.#batchSize,
      options: { ...this.#predictOptions, signal: undefined },
    };
  }

  get #findings(): SliceFindings {
    return { detections: this.#found, reachedNetworkLimit: this.#hasReachedLimit };
  }

  async #lane(): Promise<void> {
    try {
      while (!this.#hasFailed && this.#next < this.#slices.length) {
        // Taken synchronously, so that batches do not depend on which lane is faster.
        const from = this.#next;
        this.#next = Math.min(this.#slices.length, from + this.#batchSize);
        await this.#predict(from, this.#next);
      }
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  /** Slices in a run; fewer once memory has run out. */
  get #batchSize(): number {
    const { model, slicing } = this.#options;
    return Math.min(slicing.batchSize ?? this.#usualBatchSize, model.largestBatch);
  }

  get #usualBatchSize(): number {
    const { model } = this.#options;
    const [slice] = this.#slices;
    if (!model.isOnCpu) return usualBatch.gpu;
    if (model.deviceKind === "cpu" || slice === undefined) return usualBatch.cpu;
    const [width, height] = model.seenWh([slice.width, slice.height], this.#predictOptions);
    const fitting = Math.floor(usualBatch.otherCpuPixels / (width * height));
    return Math.max(1, Math.min(usualBatch.otherCpu, fitting));
  }

  async #predict(from: number, to: number): Promise<void> {
    const { model, pixels } = this.#options;
    const { signal } = this.#predictOptions;
    signal?.throwIfAborted();
    const slices = this.#slices.slice(from, to);
    const pictures: PictureSlice[] = [];
    await this.#times.step("slice", async () => {
      for (const slice of slices) pictures.push(await slicePixels(pixels, slice, { signal }));
    });
    const predictions = await model.predictBatch(pictures, this.#predictOptions);
    for (const [index, { left, top }] of slices.entries()) {
      const prediction = predictions[index]!;
      this.#times.add(prediction.timingsMs);
      this.#hasReachedLimit ||= prediction.reachedNetworkLimit;
      this.#found[from + index] = prediction.detections.placeIn(this.#photoWh, [left, top]);
    }
    this.#keeper?.keep(this.#findings);
    this.#report(slices.length);
  }

  #report(newlyDone: number): void {
    this.#doneCount += newlyDone;
    this.#options.onSlices?.({ done: this.#doneCount, total: this.#slices.length });
  }

  async #predictWhole(): Promise<void> {
    const { model, pixels } = this.#options;
    const prediction = await model.predict(pixels, this.#predictOptions);
    this.#times.add(prediction.timingsMs);
    this.#hasReachedLimit ||= prediction.reachedNetworkLimit;
    this.#found.push(prediction.detections);
  }
}
