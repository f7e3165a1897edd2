import {
  abortSignal,
  checkOptions,
  type Expectation,
  numberFrom,
  oneOf,
  optionsOf,
  refuseUnknown,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { maxSidePx } from "../../graph/yolo/input-size.ts";
import {
  type ClassChoice,
  type ClassConfidence,
  chooseClasses,
} from "../../vision/class-choice.ts";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import type { NetworkSignature } from "./network-signature.ts";

/** How to predict. The defaults are those of Ultralytics' `predict`. */
export interface PredictOptions {
  /** Detections must score above this, 0 to 1. Default 0.25. */
  readonly confidence?: number | undefined;
  /** Two boxes of one class that overlap more than this (IoU, 0 to 1) are one. Default 0.7. */
  readonly iou?: number | undefined;
  /** The most detections, best first, from 1 up. Default 300. */
  readonly maxDetections?: number | undefined;
  /** Classes to keep, by name or id. Default: all. */
  readonly classes?: readonly ClassChoice[] | undefined;
  /** In place of `confidence` for some classes, as in `{ plant: 0.4, weed: 0.6 }`. */
  readonly classConfidence?: ClassConfidence | undefined;
  /** Lets boxes of different classes suppress each other too. Default false. */
  readonly classAgnostic?: boolean | undefined;
  /**
   * Extent of the network's input in pixels, one number for a square or [height, width], rounded up
   * to the network's stride. More finds smaller things and takes longer, by the square. Only for
   * models of free size; default: the size that the model was trained for.
   */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /**
   * Size of the masks: the photo's, the network input's, or none, which takes the least memory.
   * `none` finds the same objects as `photo`, which is the default.
   */
  readonly maskSize?: "photo" | "input" | "none" | undefined;
  /** Photos of more pixels are refused. Default: the decoder's limit. */
  readonly maxPixels?: number | undefined;
  /**
   * `fast` decodes JPEGs of at least three times the size that the network sees at a fraction of
   * their size. That takes about half the time, and gives other pixels than Ultralytics sees: check
   * your counts. Default `exact`.
   */
  readonly decode?: DecodeMode | undefined;
  /** Stops the wait for the device, or the run. */
  readonly signal?: AbortSignal | undefined;
}

export interface CheckedPredictOptions {
  readonly confidence: number;
  readonly iou: number;
  readonly maxDetections: number;
  readonly classes: readonly number[] | undefined;
  readonly classConfidence: readonly (readonly [number, number])[] | undefined;
  readonly classAgnostic: boolean;
  /** [height, width] of the input, multiples of the stride unless the network's size is fixed. */
  readonly inputSizeHw: readonly [number, number];
  readonly maskSize: "photo" | "input" | "none";
}

/**
 * Fills in defaults and checks every option against the network.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkPredictOptions(
  options: PredictOptions,
  network: NetworkSignature,
): CheckedPredictOptions {
  const {
    confidence = 0.25,
    iou = 0.7,
    maxDetections = 300,
    classes,
    classConfidence,
    classAgnostic = false,
    imageSize,
    maskSize = "photo",
    maxPixels,
    decode,
    signal,
    ...rest
  } = optionsOf("PredictOptions", options);
  refuseUnknown("PredictOptions", options, rest);
  checkOptions({ signal }, abortSignal);
  checkOptions({ confidence, iou }, share);
  checkOptions({ maxDetections }, wholeNumberFrom(1));
  checkOptions({ maxPixels }, numberFrom(1));
  checkOptions({ decode }, oneOf("exact", "fast"));
  checkOptions({ classAgnostic }, trueOrFalse);
  checkOptions({ maskSize }, oneOf("photo", "input", "none"));
  return {
    confidence,
    iou,
    maxDetections,
    ...chooseClasses(network.names, { classes, classConfidence }),
    classAgnostic,
    inputSizeHw: inputSize(imageSize, network),
    maskSize,
  };
}

function inputSize(
  imageSize: PredictOptions["imageSize"],
  { fixedSizeHw, defaultSizeHw, stride }: NetworkSignature,
): readonly [number, number] {
  const roundUp = (extent: number) => Math.ceil(extent / stride) * stride;
  if (imageSize === undefined) {
    return fixedSizeHw ?? [roundUp(defaultSizeHw[0]), roundUp(defaultSizeHw[1])];
  }
  checkOptions({ imageSize }, inputPixels);
  const sizeHw = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize;
  const [height, width] = [roundUp(sizeHw[0]), roundUp(sizeHw[1])];
  if (fixedSizeHw === undefined) return [height, width];
  const isFixedSize = height === roundUp(fixedSizeHw[0]) && width === roundUp(fixedSizeHw[1]);
  checkOptions(
    { imageSize },
    {
      expected:
        `${fixedSizeHw.join(" × ")} (height × width), which this model was exported for ` +
        "(export it with dynamic=True to choose)",
      holds: () => isFixedSize,
    },
  );
  return fixedSizeHw;
}

const share: Expectation = {
  expected: "a number from 0 to 1",
  holds: (value) => typeof value === "number" && value >= 0 && value <= 1,
};

const inputPixels: Expectation = {
  expected: `pixels from 1 to ${maxSidePx}, one number or [height, width]`,
  holds: (value) => {
    const extents: unknown[] = Array.isArray(value) ? value : [value, value];
    return extents.length === 2 && extents.every(isExtent);
  },
};

function isExtent(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maxSidePx;
}
