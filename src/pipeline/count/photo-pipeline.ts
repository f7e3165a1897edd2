import { fileURLToPath } from "node:url";
import {
  abortSignal,
  aFunction,
  checkOptions,
  type Expectation,
  numberFrom,
  optionsByName,
  optionsOf,
  refuseUnknown,
  requireOptions,
  trueOrFalse,
} from "../../base/check-options.ts";
import { StepTimes } from "../../base/step-times.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";
import { requireSegmenter } from "../../models/yolo/network-signature.ts";
import { withoutLocation } from "../../vision/photo/capture/capture.ts";
import { readCapture } from "../../vision/photo/capture/read-capture.ts";
import {
  type OpenPhotoOptions,
  openPhoto,
  openReduced,
  type PhotoInput,
} from "../../vision/photo/open-photo.ts";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import {
  checkSampleOptions,
  type SampleOptions,
} from "../../vision/photo/samples/sample-layout.ts";
import type { PhotoBytes } from "../photos/read-photo.ts";
import { type OwnRegions, twoKindsOfRegions } from "../regions/own-regions.ts";
import { CountablePhoto, type CountingModels, type ProcessOptions } from "./countable-photo.ts";
import type { ModelUse } from "./model-use.ts";
import { checkDecode, Slicing, type SlicingOptions } from "./slicing.ts";

/** The models of a pipeline, and what is done with a photo. */
export interface PhotoPipelineOptions
  extends Pick<OpenPhotoOptions, "maxPixels" | "pixelsInMemory"> {
  /** Finds what is counted. */
  readonly detect: ModelUse;
  /** Finds the regions to count in. Default: the whole photo counts. */
  readonly segment?: ModelUse | undefined;
  /** Regions that people drew, in place of a segmenter. */
  readonly regions?: OwnRegions | undefined;
  /** Records objects from this score up, too, without counting them. */
  readonly recordFrom?: number | undefined;
  /** Predict the photo in slices. Default: whole. */
  readonly slicing?: SlicingOptions | undefined;
  /** Which samples of a photo are its colours. Default: those that its file states. */
  readonly samples?: SampleOptions | undefined;
  /** `fast` decodes JPEGs at a fraction of their size; only of whole photos. Default `exact`. */
  readonly decode?: DecodeMode | undefined;
  /** Whether {@link PhotoPipeline.openUnknown} reads where a photo was taken. Default true. */
  readonly location?: boolean | undefined;
}

export interface OpenUnknownOptions extends Pick<ProcessOptions, "signal"> {
  /** Whether these contents need no result here: they have one, or will get one elsewhere. */
  readonly isKnown: (content: PhotoContent) => Promise<boolean>;
}

/**
 * Processes a photo: finds its regions, predicts the slices that touch them, keeps and counts what
 * lies inside a region. Without a segmenter and regions of one's own the whole photo counts;
 * without slicing the photo is predicted whole.
 *
 * Call {@link process} for the next photo before the last is done: while one is inferred, the
 * others are decoded, cut and counted. A photo's result does not depend on what is processed beside
 * it.
 */
export class PhotoPipeline {
  readonly #models: CountingModels;
  readonly #openOptions: OpenPhotoOptions;
  readonly #decode: DecodeMode;
  readonly #readsLocation: boolean;

  /** @throws `INVALID_ARGUMENT` for options out of range, `MODEL_WRONG_TASK` */
  constructor(options: PhotoPipelineOptions) {
    const {
      detect,
      segment,
      regions,
      recordFrom,
      slicing,
      samples = {},
      ...others
    } = optionsOf("PhotoPipelineOptions", options);
    const { maxPixels, pixelsInMemory, decode = "exact", location = true, ...rest } = others;
    refuseUnknown("PhotoPipelineOptions", options, rest);
    requireOptions({ detect }, modelUse);
    checkOptions({ segment }, modelUse);
    checkOptions({ regions }, ownRegions);
    checkOptions({ recordFrom }, numberFrom(0));
    checkOptions({ pixelsInMemory }, numberFrom(1));
    checkOptions({ location }, trueOrFalse);
    checkSampleOptions(samples);
    checkDecode(decode, slicing);
    if (segment !== undefined && regions !== undefined) throw twoKindsOfRegions();
    if (segment !== undefined) requireSegmenter(segment.model);
    for (const use of [detect, segment]) use?.model.checkOptions({ ...use.options, maxPixels });
    this.#models = {
      detect,
      segment,
      regions,
      recordFrom,
      slicing: slicing && new Slicing(slicing),
    };
    const withGrey = [detect, segment].some((use) => use?.model.channels === 1);
    this.#readsLocation = location;
    this.#decode = decode;
    this.#openOptions = { ...samples, maxPixels, pixelsInMemory, withGrey };
  }

  /**
   * Finds and counts the objects of one photo.
   *
   * @throws `PHOTO_*`, `INVALID_ARGUMENT`, `MODEL_RELEASED`, `ORT_FAILED`, or the signal's reason.
   */
  async process(input: PhotoInput, options: ProcessOptions = {}): Promise<PhotoResult> {
    const { source, signal, onSlices, resume, ...rest } = optionsOf("ProcessOptions", options);
    refuseUnknown("ProcessOptions", options, rest);
    checkOptions({ signal }, abortSignal);
    checkOptions({ onSlices }, aFunction);
    await using photo = await this.open(input, options);
    return await photo.count({ source: source ?? pathOf(input), signal, onSlices, resume });
  }

  /** Opens a photo within the pipeline's limits, for callers that need its pixels, too. */
  async open(input: PhotoInput, options: ProcessOptions = {}): Promise<CountablePhoto> {
    return await this.#open(input, new StepTimes<string>({}), options);
  }

  /**
   * Reads and opens a photo, with when and where it was taken, unless its contents are known. Its
   * bytes are let go as soon as they are decoded.
   *
   * @returns the photo and what identifies its contents; undefined where they are known
   */
  async openUnknown(
    read: () => Promise<PhotoBytes>,
    { isKnown, signal }: OpenUnknownOptions,
  ): Promise<{ readonly photo: CountablePhoto; readonly content: PhotoContent } | undefined> {
    const times = new StepTimes<string>({});
    const { bytes, content: identity } = await times.step("read", read);
    const capture = await readCapture(bytes);
    const content = {
      ...identity,
      capture: this.#readsLocation ? capture : withoutLocation(capture),
    };
    if (await isKnown(content)) return undefined;
    return { photo: await this.#open(bytes, times, { signal }), content };
  }

  async #open(
    input: PhotoInput,
    times: StepTimes,
    { signal }: ProcessOptions,
  ): Promise<CountablePhoto> {
    const options = { ...this.#openOptions, signal };
    const wantedWhOf = (photoWh: readonly [number, number]) => this.#seenWh(photoWh);
    const open = await times.step("decode", async () =>
      this.#decode === "fast"
        ? await openReduced(input, { ...options, wantedWhOf })
        : await openPhoto(input, options),
    );
    return new CountablePhoto(open, this.#models, times);
  }

  /** The larger of the sizes at which the models see a photo. */
  #seenWh(photoWh: readonly [number, number]): readonly [number, number] {
    const { detect, segment } = this.#models;
    const [width, height] = detect.model.seenWh(photoWh, detect.options);
    const other = segment?.model.seenWh(photoWh, segment.options) ?? [0, 0];
    return [Math.max(width, other[0]), Math.max(height, other[1])];
  }
}

const modelUse: Expectation = {
  expected: "a model with options, as in { model: lease.model, options: {} }",
  // A lease has a model, too.
  holds: (value) => {
    const { model, options } = (value ?? {}) as Partial<ModelUse>;
    const isObject = options === undefined || optionsByName.holds(options);
    return isObject && aFunction.holds(model?.checkOptions);
  },
};

const ownRegions: Expectation = {
  expected: "regions, as `OwnRegions.read` returns them",
  holds: (value) => aFunction.holds((value as Partial<OwnRegions> | null)?.of),
};

/** The path of a photo that was opened; undefined where it has none. */
function pathOf(input: PhotoInput): string | undefined {
  if (input instanceof URL) return fileURLToPath(input);
  return typeof input === "string" ? input : undefined;
}
