import type { ObjectCount, PhotoResult } from "../../ledger/results/result-rows.ts";
import type { Prediction } from "../../models/yolo/yolo-model.ts";
import { Detections } from "../../vision/detections.ts";
import {
  type OpenPhoto,
  openPhoto,
  type PhotoInput,
  type Pixels,
} from "../../vision/photo/open-photo.ts";
import type { Region } from "../../vision/region.ts";
import { countInRegions, findPlaces } from "./count-objects.ts";
import { type SlicedPrediction, SliceRun, unlimited } from "./detect-sliced.ts";
import { type ModelUse, type PhotoModel, workMs } from "./model-use.ts";
import { requireSegmenter, type Segmentation, segmentPhoto } from "./segment-photo.ts";
import { Slicing, type SlicingOptions } from "./slicing.ts";

export interface PhotoPipelineOptions {
  /** Finds what is counted. */
  readonly detect: ModelUse;
  /** Finds the regions to count in. Default: the whole photo counts. */
  readonly segment?: ModelUse | undefined;
  /** Predict the photo in slices. Default: whole. */
  readonly slicing?: SlicingOptions | undefined;
  /** Photos with more pixels are refused. Default 268 million. */
  readonly maxPixels?: number | undefined;
  /** Photos with more pixels are unpacked to disk instead of memory. Default 64 million. */
  readonly pixelsInMemory?: number | undefined;
}

export interface ProcessOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * What is done with each photo: its regions are found, the slices that touch them are predicted, what
 * lies inside a region is kept and counted. Without a segmenter the whole photo counts; without
 * slicing the photo is predicted whole.
 *
 * Call {@link process} for the next photo before the last is done: while one is inferred, the others
 * are decoded, cut and counted. A photo's result does not depend on what is processed beside it.
 */
export class PhotoPipeline {
  readonly #options: PhotoPipelineOptions;
  readonly #slicing: Slicing | undefined;

  /** @throws `INVALID_ARGUMENT` for options out of range, `MODEL_WRONG_TASK` */
  constructor(options: PhotoPipelineOptions) {
    const { detect, segment, slicing, maxPixels } = options;
    if (segment !== undefined) requireSegmenter(segment.model);
    for (const use of [detect, segment]) use?.model.checkOptions({ ...use.options, maxPixels });
    this.#slicing = slicing && new Slicing(slicing);
    this.#options = options;
  }

  /**
   * Opens a photo within the pipeline's limits, for those who need its pixels before or afterwards:
   * {@link process} takes them too.
   */
  async open(source: PhotoInput, { signal }: ProcessOptions = {}): Promise<OpenPhoto> {
    const { maxPixels, pixelsInMemory } = this.#options;
    return await openPhoto(source, { maxPixels, pixelsInMemory, signal });
  }

  /**
   * Finds and counts the objects of one photo.
   *
   * @throws `PHOTO_*`, `INVALID_ARGUMENT`, `MODEL_RELEASED`, `ORT_FAILED`, or the signal's reason.
   */
  async process(source: PhotoInput, { signal }: ProcessOptions = {}): Promise<PhotoResult> {
    const startedAt = performance.now();
    await using photo = await this.open(source, { signal });
    const decode = performance.now() - startedAt;
    const result = await this.#processPixels(photo.pixels, signal);
    const total = performance.now() - startedAt;
    return { ...result, timingsMs: { decode, ...result.timingsMs, total } };
  }

  async #processPixels(pixels: Pixels, signal: AbortSignal | undefined): Promise<PhotoResult> {
    const { detect, segment } = this.#options;
    const { widthPx, heightPx } = pixels;
    const segmentation =
      segment && (await segmentPhoto(segment.model, pixels, { ...segment.options, signal }));
    const regions = segmentation?.regions;
    const found = await this.#detect(pixels, regions, signal);
    const countStartedAt = performance.now();
    const objects = found?.detections ?? Detections.empty(detect.model.names);
    const counted = countFound(objects, regions, detect.options?.maxDetections);
    return {
      widthPx,
      heightPx,
      device: detect.model.device,
      fallbackReason: fallbackOf(detect.model, segment?.model),
      timingsMs: {
        ...timingsOf(segmentation, found),
        count: performance.now() - countStartedAt,
      },
      ...counted,
      regions,
      sliceCount: found?.sliceCount ?? 0,
    };
  }

  /** Undefined when there is no region, so that there is nothing to look at. */
  async #detect(
    pixels: Pixels,
    regions: readonly Region[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Found | undefined> {
    if (regions?.length === 0) return undefined;
    const { model, options } = this.#options.detect;
    // Only regions need masks: an object's place is the centre of its box. What lies outside is not to
    // take the place of what lies inside, so the most that there may be is counted afterwards.
    const predictOptions = {
      ...options,
      maxDetections: unlimited,
      maskSize: "none",
      signal,
    } as const;
    if (this.#slicing === undefined) {
      return { ...(await model.predict(pixels, predictOptions)), sliceCount: 1 };
    }
    return await new SliceRun({
      model,
      pixels,
      slicing: this.#slicing,
      regions,
      predictOptions,
    }).run();
  }
}

/** What a fallback reason holds where the two models ran on different devices. */
export const regionsElsewhere = "regions were found on";

/** Why not all ran where it was wanted. The device that is recorded is the detector's. */
function fallbackOf(detect: PhotoModel, segment: PhotoModel | undefined): string | undefined {
  if (segment === undefined || segment.device === detect.device) {
    return detect.fallbackReason ?? segment?.fallbackReason;
  }
  const elsewhere = [`${regionsElsewhere} ${segment.device}`, segment.fallbackReason];
  const reasons = [detect.fallbackReason, elsewhere.filter(Boolean).join(": ")];
  return reasons.filter(Boolean).join("; ");
}

type Found = (Prediction & { readonly sliceCount: number }) | SlicedPrediction;

interface Counted {
  readonly objects: Detections;
  readonly objectRegions?: Int32Array | undefined;
  readonly counts: readonly ObjectCount[];
}

/** Keeps and counts what lies inside a region, or all where regions were not looked for: the best. */
function countFound(
  objects: Detections,
  regions: readonly Region[] | undefined,
  maxDetections = unlimited,
): Counted {
  if (regions === undefined) {
    const best = objects.first(maxDetections);
    return { objects: best, counts: countInRegions(best) };
  }
  const places = findPlaces(
    objects,
    regions.map(({ mask }) => mask),
  );
  const inside = [...places.keys()].filter((index) => places[index]! > 0).slice(0, maxDetections);
  const kept = objects.select(inside);
  const objectRegions = Int32Array.from(inside, (index) => places[index]!);
  const counts = countInRegions(kept, { places: objectRegions, regionCount: regions.length });
  return { objects: kept, objectRegions, counts };
}

/** `inference` is what the device was busy for with both models, and part of the other steps. */
function timingsOf(
  segmentation: Segmentation | undefined,
  found: Found | undefined,
): { [step: string]: number } {
  const detect = found && { ...found.timingsMs };
  return {
    ...(segmentation && { segment: workMs(segmentation) }),
    ...(detect && "merge" in detect && { slice: detect.slice, merge: detect.merge }),
    ...(found && { detect: workMs(found) }),
    inference: (segmentation?.timingsMs.inference ?? 0) + (detect?.inference ?? 0),
  };
}
