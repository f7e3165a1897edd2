import { type Command, Option } from "commander";
import type { CountOptions } from "../../pipeline/recipe/count-recipe.ts";
import { fromCaller, modelFromCaller } from "./caller-paths.ts";
import {
  addDetectionOptions,
  type DetectionArguments,
  type MaxDetections,
} from "./detection-options.ts";
import { flagsOf, parseFraction, parseImageSize } from "./option-values.ts";
import { addSampleOptions, readSampleOptions, type SampleArguments } from "./sample-options.ts";
import { addSlicingOptions, readSlicing, type SlicingArguments } from "./slicing-options.ts";

/** Options that make the recipe of a count. */
export interface CountArguments extends DetectionArguments, SlicingArguments, SampleArguments {
  readonly detect: string;
  readonly segment?: string;
  readonly regions?: string;
  readonly segmentConfidence: number;
  readonly segmentImageSize?: number | [number, number];
  readonly recipeName?: string;
}

const maxDetections: MaxDetections = { whole: 3000, sliced: 100_000 };

/** Adds the models. The caller asks for `--detect` with `requireOption`. */
export function addModelOptions(command: Command): Command {
  return command
    .option("--detect <model>", "finds what is counted: a .pt or ONNX file, or sample:seedlings")
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
  return addSampleOptions(addSlicingOptions(addDetectionOptions(command, maxDetections)))
    .option("--segment-confidence <score>", "least score of a region, 0 to 1", parseFraction, 0.25)
    .option(
      "--segment-image-size <px>",
      "input of the segmentation network (default: its own)",
      parseImageSize,
    )
    .option("--recipe-name <name>", "the recipe's name (default: made of the models' names)");
}

/** Reads what is to be counted from the command line. */
export function readCountOptions(command: Command, options: CountArguments): CountOptions {
  const { confidence, iou, imageSize, segment, segmentConfidence, segmentImageSize } = options;
  if (segment === undefined) refuseSegmentOptions(command);
  const slicing = readSlicing(command, options);
  const most = options.maxDetections ?? maxDetections[slicing ? "sliced" : "whole"];
  return {
    detect: {
      file: modelFromCaller(options.detect),
      options: { confidence, iou, maxDetections: most, imageSize },
    },
    segment:
      segment === undefined
        ? undefined
        : {
            file: modelFromCaller(segment),
            options: { confidence: segmentConfidence, imageSize: segmentImageSize },
          },
    regions: options.regions === undefined ? undefined : { file: fromCaller(options.regions) },
    slicing,
    samples: readSampleOptions(options),
    name: options.recipeName,
  };
}

/** Options of regions have no meaning without `--segment`. */
function refuseSegmentOptions(command: Command): void {
  for (const name of ["segmentConfidence", "segmentImageSize"] satisfies (keyof CountArguments)[]) {
    if (command.getOptionValueSource(name) !== "cli") continue;
    command.error(`error: option '${flagsOf(command, name)}' needs --segment`);
  }
}
