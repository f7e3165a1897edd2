import type { StepTimes } from "../../base/step-times.ts";
import type { PhotoResult, PhotoWarning } from "../../ledger/results/result-rows.ts";
import { CountedScores } from "../../ledger/scores/count-question.ts";
import type { Prediction } from "../../models/yolo/yolo-model.ts";
import { chooseClasses } from "../../vision/class-choice.ts";
import { Detections } from "../../vision/detections.ts";
import { exposureWarnings } from "../../vision/photo/exposure.ts";
import { type OpenPhoto, openWhole, type Pixels } from "../../vision/photo/open-photo.ts";
import type { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import type { Region } from "../../vision/region.ts";
import type { OwnRegions } from "../regions/own-regions.ts";
import { countInRegions, findPlaces } from "./count-objects.ts";
import { type ModelUse, type PhotoModel, workMs } from "./model-use.ts";
import { segmentPhoto } from "./segment-photo.ts";
import type { ResumeOptions } from "./slice-keeper.ts";
import { type SlicedPrediction, type SliceProgress, SliceRun, unlimited } from "./slice-run.ts";
import type { Slicing } from "./slicing.ts";

/** The models of a pipeline and how they are asked, checked. */
export interface CountingModels {
  readonly detect: ModelUse;
  readonly segment?: ModelUse | undefined;
  readonly regions?: OwnRegions | undefined;
  /** Objects from this score up are found, though not all of them count. */
  readonly recordFrom?: number | undefined;
  readonly slicing?: Slicing | undefined;
}

/** How one photo is processed. */
export interface ProcessOptions {
  /**
   * The photo's path, URL or key, by which its own regions are found. Default: the path that was
   * opened.
   */
  readonly source?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before the first slice and after each run, where photos are sliced. */
  readonly onSlices?: ((progress: SliceProgress) => void) | undefined;
  /** Where an earlier attempt has kept what it found on slices. Default: it begins anew. */
  readonly resume?: ResumeOptions | undefined;
}

/** A photo that a pipeline has opened. Disposing it releases its pixels. */
export class CountablePhoto implements OpenPhoto<Pixels | ReducedPicture> {
  readonly pixels: Pixels | ReducedPicture;
  readonly #open: OpenPhoto<Pixels | ReducedPicture>;
  readonly #models: CountingModels;
  readonly #times: StepTimes;

  constructor(open: OpenPhoto<Pixels | ReducedPicture>, models: CountingModels, times: StepTimes) {
    this.pixels = open.pixels;
    this.#open = open;
    this.#models = models;
    this.#times = times;
  }

  /**
   * Finds and counts the objects.
   *
   * @throws `PHOTO_TOO_LARGE` for too many slices, `REGIONS_MISSING`, `REGIONS_DO_NOT_FIT`,
   *   `MODEL_RELEASED`, `ORT_FAILED`, `INFERENCE_NOT_FINITE`, or the signal's reason.
   */
  async count(options: ProcessOptions = {}): Promise<PhotoResult> {
    const { signal, source } = options;
    const { detect, segment, regions: own } = this.#models;
    const { widthPx, heightPx } = this.pixels;
    const warnings: PhotoWarning[] = [...(await exposureWarnings(this.pixels, { signal }))];
    const regions = segment
      ? await this.#findRegions(segment, signal)
      : own?.of({ source, sizeWh: [widthPx, heightPx] });
    const found = await this.#detect(regions, options);
    if (found?.reachedNetworkLimit) warnings.push("network-limit");
    const objects = found?.detections.length ? found.detections : noObjects(detect.model);
    const counted = await this.#times.step("count", () =>
      countFound(objects, {
        regions,
        maxDetections: detect.options?.maxDetections,
        counted: this.#counted,
      }),
    );
    return {
      widthPx,
      heightPx,
      device: detect.model.device,
      fallbackReason: fallbackOf(detect.model, segment?.model),
      timingsMs: this.#times.withTotal(),
      ...counted,
      regions,
      sliceCount: found?.sliceCount ?? 0,
      warnings,
    };
  }

  /** Releases the pixels. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }

  async #findRegions(
    { model, options }: ModelUse,
    signal: AbortSignal | undefined,
  ): Promise<readonly Region[]> {
    const segmentation = await segmentPhoto(model, this.pixels, { ...options, signal });
    const { inference } = segmentation.timingsMs;
    this.#times.add({ segment: workMs(segmentation), inference });
    return segmentation.regions;
  }

  /** What counts of the objects that are recorded; undefined where all do. */
  get #counted(): CountedScores | undefined {
    const { detect, recordFrom } = this.#models;
    if (recordFrom === undefined) return undefined;
    const { model, options = {} } = detect;
    const { confidence } = options;
    const chosen = chooseClasses(model.names, options);
    return new CountedScores({ detect: { confidence, ...chosen }, recordFrom }, model.names);
  }

  /** Undefined when there is no region, and so nothing to predict. */
  async #detect(
    regions: readonly Region[] | undefined,
    { signal, onSlices, resume }: ProcessOptions,
  ): Promise<(Prediction & { readonly sliceCount: number }) | SlicedPrediction | undefined> {
    if (regions?.length === 0) return undefined;
    const { slicing, detect, recordFrom } = this.#models;
    const { model, options } = detect;
    // Objects outside must not displace those inside, so the limit is applied afterwards.
    const predictOptions = {
      ...options,
      ...(recordFrom !== undefined && { confidence: recordFrom, classConfidence: undefined }),
      maxDetections: unlimited,
      maskSize: model.task === "segment" ? "photo" : "none",
      signal,
    } as const;
    if (slicing === undefined) {
      const found = await model.predict(this.pixels, predictOptions);
      this.#times.add({ detect: workMs(found), inference: found.timingsMs.inference });
      return { ...found, sliceCount: 1 };
    }
    await using whole = await openWhole(this.pixels, { signal });
    const how = { slicing, regions, predictOptions, onSlices, resume };
    const found = await new SliceRun({ model, pixels: whole.pixels, ...how }).run();
    // `inference` is the time that the device was busy with both models, and is part of the other
    // steps.
    const { slice, merge, inference } = found.timingsMs;
    this.#times.add({ slice, detect: workMs(found), merge, inference });
    return found;
  }
}

/** Results of a segmenting network have masks even without objects. */
function noObjects({ task, names }: PhotoModel): Detections {
  return new Detections({
    ...Detections.empty(names),
    masks: task === "segment" ? [] : undefined,
  });
}

/** What a fallback reason holds where the two models ran on different devices. */
export const regionsElsewhere = "regions were found on";

/** Why not everything ran on the wanted device. The recorded device is the detector's. */
function fallbackOf(detect: PhotoModel, segment: PhotoModel | undefined): string | undefined {
  if (segment === undefined || segment.device === detect.device) {
    return detect.fallbackReason ?? segment?.fallbackReason;
  }
  const elsewhere = [`${regionsElsewhere} ${segment.device}`, segment.fallbackReason];
  const reasons = [detect.fallbackReason, elsewhere.filter(Boolean).join(": ")];
  return reasons.filter(Boolean).join("; ");
}

interface Counted extends Pick<PhotoResult, "objects" | "objectRegions" | "uncounted" | "counts"> {}

interface CountFoundOptions {
  readonly regions: readonly Region[] | undefined;
  /** The most objects that count, and the most others. */
  readonly maxDetections?: number | undefined;
  /** Which of them count. Default: all. */
  readonly counted?: CountedScores | undefined;
}

/**
 * Keeps and counts the best objects inside regions, or of the whole photo if there is no segmenter,
 * and beside them the best of those that do not count.
 */
function countFound(
  objects: Detections,
  { regions, maxDetections = unlimited, counted }: CountFoundOptions,
): Counted {
  const places =
    regions &&
    findPlaces(
      objects,
      regions.map(({ mask }) => mask),
    );
  const { classIds, scores } = objects;
  const isInside = (index: number) => places === undefined || places[index]! > 0;
  const isCounted = (index: number) =>
    counted === undefined || scores[index]! > counted.thresholdOf(classIds[index]!);
  const keep = (isKept: (index: number) => boolean) => {
    const kept = [...scores.keys()].filter((index) => isInside(index) && isKept(index));
    const best = kept.slice(0, maxDetections);
    return {
      objects: objects.select(best),
      objectRegions: places && Int32Array.from(best, (index) => places[index]!),
    };
  };
  const best = keep(isCounted);
  const { objectRegions } = best;
  return {
    ...best,
    uncounted: counted && keep((index) => !isCounted(index)),
    counts: countInRegions(
      best.objects,
      objectRegions && { places: objectRegions, regionCount: regions!.length },
    ),
  };
}
