import {
  checkOptions,
  type Defined,
  type Expectation,
  oneOf,
  optionsOf,
  refuseUnknown,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { Detections } from "../../vision/detections.ts";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import { type MergeOptions, mergeDetections } from "../../vision/slices/merge-detections.ts";
import { planSlices } from "../../vision/slices/plan-slices.ts";

/**
 * How a photo is cut into slices, and how their objects are merged. All but `batchSize` affects the
 * result.
 */
export interface SlicingOptions {
  /**
   * Size of a slice, px: one number for a square, [width, height], or `auto`, by the photo's size.
   * The network's own input, or a multiple of it, is a good size. Default `auto`.
   */
  readonly slice?: number | readonly [number, number] | "auto" | undefined;
  /**
   * By which share of a slice neighbours overlap, from 0 to below 1, one number or [x, y]; more
   * than the largest object should fit. Not used with `auto`, which has its own. Default 0.2.
   */
  readonly overlap?: number | readonly [number, number] | undefined;
  /** How objects that several slices show become one. Default: `nmm` by `ios` of 0.5. */
  readonly merge?: MergeOptions | undefined;
  /** Also predict the whole photo, for objects larger than a slice. Default false. */
  readonly fullImage?: boolean | undefined;
  /**
   * Slices in a run, from 1 up; fewer once memory has run out, and 1 where the network's batch is
   * fixed. Default 1 on the CPU, where more are no quicker, by OpenVINO up to 8, and 16 elsewhere.
   */
  readonly batchSize?: number | undefined;
}

/**
 * Checks how photos are decoded: slices need all pixels, so there is nothing to save with them.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkDecode(
  decode: DecodeMode | undefined,
  slicing: SlicingOptions | undefined,
): void {
  checkOptions({ decode }, slicing === undefined ? oneOf("exact", "fast") : exactInSlices);
}

const exactInSlices: Expectation = {
  expected: "exact where photos are sliced, since slices need all pixels",
  holds: (value) => value === "exact",
};

/** Whether its sides are whole numbers is checked where slices are planned. */
const sizeOrAuto: Expectation = {
  expected: "px, [width, height] or auto",
  holds: (value) => typeof value === "number" || Array.isArray(value) || value === "auto",
};

const mergeOptions: Expectation = {
  expected: 'options, as in { method: "nms" }',
  holds: (value) => typeof value === "object" && value !== null,
};

/**
 * Slices a photo, and merges what was found on the slices. Made once, used for any number of
 * photos.
 */
export class Slicing {
  readonly fullImage: boolean;
  readonly batchSize: number | undefined;
  readonly #sliceWh: readonly [number, number] | undefined;
  readonly #overlap: number | readonly [number, number];
  readonly #merge: Defined<MergeOptions>;

  /** @throws `INVALID_ARGUMENT` for options out of range. */
  constructor(options: SlicingOptions = {}) {
    const {
      slice = "auto",
      overlap = 0.2,
      merge = {},
      fullImage = false,
      ...others
    } = optionsOf("SlicingOptions", options);
    const { batchSize, ...rest } = others;
    refuseUnknown("SlicingOptions", options, rest);
    checkOptions({ slice }, sizeOrAuto);
    checkOptions({ merge }, mergeOptions);
    checkOptions({ fullImage }, trueOrFalse);
    checkOptions({ batchSize }, wholeNumberFrom(1));
    this.fullImage = fullImage;
    this.batchSize = batchSize;
    this.#sliceWh =
      slice === "auto" ? undefined : typeof slice === "number" ? [slice, slice] : slice;
    this.#overlap = overlap;
    const { method = "nmm", metric = "ios", threshold = 0.5, classAgnostic = false } = merge;
    this.#merge = { method, metric, threshold, classAgnostic };
    // These check the others: a wrong one is reported before the first photo.
    planSlices({ photoWh: [1, 1], sliceWh: this.#sliceWh ?? [1, 1], overlap });
    mergeDetections(Detections.empty(), merge);
  }

  /** All that decides a result, defaults included, for the recipe. */
  get decisive() {
    const isAutomatic = this.#sliceWh === undefined;
    return {
      slice: this.#sliceWh ?? "auto",
      // Automatic slices have an overlap of their own.
      ...(!isAutomatic && { overlap: this.#overlap }),
      merge: { ...this.#merge },
      fullImage: this.fullImage,
    };
  }

  /** The slices of a photo. @throws `PHOTO_TOO_LARGE` for more than 100,000. */
  plan(photoWh: readonly [number, number]): readonly Slice[] {
    return planSlices({ photoWh, sliceWh: this.#sliceWh, overlap: this.#overlap });
  }

  /** One object of those that several slices show. */
  merge(found: readonly Detections[]): Detections {
    return mergeDetections(Detections.merge(found), this.#merge);
  }
}
