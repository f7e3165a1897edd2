import { type Command, Option } from "commander";
import type { CountOptions } from "../../pipeline/recipe/count-recipe.ts";
import { fromCaller, modelFromCaller } from "./caller-paths.ts";
import {
  addDetectionOptions,
  type DetectionArguments,
  type MaxDetections,
} from "./detection-options.ts";
import {
  collectClasses,
  collectClassScores,
  parseFraction,
  parseImageSize,
  refuseWithout,
} from "./option-values.ts";
import { addDecodeOption, type DecodeArguments, readDecode } from "./photo-options.ts";
import { addSampleOptions, readSampleOptions, type SampleArguments } from "./sample-options.ts";
import { addSlicingOptions, readSlicing, type SlicingArguments } from "./slicing-options.ts";

/** Options that make the recipe of a count. */
export interface CountArguments
  extends DetectionArguments,
    SlicingArguments,
    SampleArguments,
    DecodeArguments {
  readonly detect: string;
  readonly segment?: string;
  readonly regions?: string;
  readonly recordFrom?: number;
  readonly segmentConfidence: number;
  readonly segmentClasses?: readonly string[];
  readonly segmentClassConfidence?: readonly (readonly [string, number])[];
  readonly segmentImageSize?: number | [number, number];
  readonly recipeName?: string;
}

const maxDetections: MaxDetections = { whole: 3000, sliced: 100_000 };

/** Adds the models. The caller asks for `--detect` with `requireOption`. */
export function addModelOptions(command: Command): Command {
  return command
    .option(
      "--detect <model>",
      "finds the objects to count: a .pt or ONNX file, or sample:seedlings",
    )
    .option(
      "--segment <model>",
      "finds the regions to count in: a .pt or ONNX file, or sample:beds",
    )
    .addOption(
      new Option(
        "--regions <file>",
        "the regions to count in, as GeoJSON in pixels, COCO, CVAT's XML or Label Studio's JSON",
      ).conflicts("segment"),
    );
}

/** Adds the other options that make a recipe. */
export function addCountOptions(command: Command): Command {
  addSlicingOptions(addDetectionOptions(command, maxDetections));
  return addDecodeOption(addSampleOptions(command))
    .option(
      "--record-from <score>",
      "also record objects from this score up, uncounted, for a later --min-score",
      parseFraction,
    )
    .option("--segment-confidence <score>", "regions score above this, 0 to 1", parseFraction, 0.25)
    .option(
      "--segment-classes <names>",
      "classes of regions, by name or id (default: all)",
      collectClasses,
    )
    .option(
      "--segment-class-confidence <scores>",
      "--segment-confidence of some classes, as in bed=0.5",
      collectClassScores,
    )
    .option(
      "--segment-image-size <px>",
      "input of the segmentation network (default: its own)",
      parseImageSize,
    )
    .option("--recipe-name <name>", "the recipe's name (default: made of the models' names)");
}

/** Reads what is to be counted from the command line. */
export function readCountOptions(command: Command, options: CountArguments): CountOptions {
  const { confidence, classes, classConfidence, iou, imageSize, recordFrom, segment } = options;
  refuseWithout(command, "segment", segmentOptions);
  const slicing = readSlicing(command, options);
  const most = options.maxDetections ?? maxDetections[slicing ? "sliced" : "whole"];
  return {
    detect: {
      file: modelFromCaller(options.detect),
      options: { confidence, classes, classConfidence, iou, maxDetections: most, imageSize },
    },
    segment:
      segment === undefined
        ? undefined
        : {
            file: modelFromCaller(segment),
            options: {
              confidence: options.segmentConfidence,
              classes: options.segmentClasses,
              classConfidence: options.segmentClassConfidence,
              imageSize: options.segmentImageSize,
            },
          },
    regions: options.regions === undefined ? undefined : { file: fromCaller(options.regions) },
    recordFrom,
    slicing,
    samples: readSampleOptions(options),
    decode: readDecode(command, options),
    name: options.recipeName,
  };
}

/** They have no meaning without `--segment`. */
const segmentOptions = [
  "segmentConfidence",
  "segmentClasses",
  "segmentClassConfidence",
  "segmentImageSize",
] satisfies (keyof CountArguments)[];
