import type { Command } from "commander";
import type { CountOptions } from "../../pipeline/run/count-recipe.ts";
import { modelFromCaller } from "./model-argument.ts";
import {
  addDetectionOptions,
  type DetectionArguments,
  type MaxDetections,
  parseFraction,
  parseImageSize,
} from "./prediction-options.ts";
import { addSlicingOptions, readSlicing, type SlicingArguments } from "./slicing-options.ts";

/** Options that decide what is counted and how, as commander gives them: they make the recipe. */
export interface CountArguments
  extends Omit<DetectionArguments, "maxDetections">,
    SlicingArguments {
  readonly detect: string;
  readonly segment?: string;
  readonly maxDetections?: number;
  readonly segmentConfidence: number;
  readonly segmentImageSize?: number | [number, number];
}

export const maxCountDetections: MaxDetections = { whole: 3000, sliced: 100_000 };

/** Adds the models. Whoever calls it asks for `--detect` with `requireOption`. */
export function addModelOptions(command: Command): Command {
  return command
    .option("--detect <model>", "finds what is counted: a .pt or ONNX file, or sample:seedlings")
    .option(
      "--segment <model>",
      "finds the regions to count in: a .pt or ONNX file, or sample:beds",
    );
}

/** Adds what else is part of a recipe. */
export function addCountOptions(command: Command): Command {
  return addSegmentOptions(addSlicingOptions(addDetectionOptions(command, maxCountDetections)));
}

export function addSegmentOptions(command: Command): Command {
  return command
    .option("--segment-confidence <score>", "least score of a region, 0 to 1", parseFraction, 0.25)
    .option(
      "--segment-image-size <px>",
      "input of the segmentation network (default: its own)",
      parseImageSize,
    );
}

/** What is to be counted, from the command line. */
export function readCountOptions(command: Command, options: CountArguments): CountOptions {
  const { confidence, iou, imageSize, segment } = options;
  if (segment === undefined) refuseSegmentOptions(command);
  const slicing = readSlicing(command, options);
  const { maxDetections = maxCountDetections[slicing ? "sliced" : "whole"] } = options;
  return {
    detect: {
      file: modelFromCaller(options.detect),
      options: { confidence, iou, maxDetections, imageSize },
    },
    segment:
      segment === undefined
        ? undefined
        : {
            file: modelFromCaller(segment),
            options: {
              confidence: options.segmentConfidence,
              imageSize: options.segmentImageSize,
            },
          },
    slicing,
  };
}

/** Options about regions say nothing where regions are not looked for. */
function refuseSegmentOptions(command: Command): void {
  for (const name of ["segmentConfidence", "segmentImageSize"] satisfies (keyof CountArguments)[]) {
    if (command.getOptionValueSource(name) !== "cli") continue;
    const { flags } = command.options.find((option) => option.attributeName() === name)!;
    command.error(`error: option '${flags}' needs --segment`);
  }
}
