import { type Command, Option } from "commander";
import type { SlicingOptions } from "../../pipeline/count/slicing.ts";
import { expected, parseCount, parseDecimal, refuseWithout } from "./option-values.ts";

/** Options of slices; undefined where they were not given. */
export interface SlicingArguments {
  readonly slice?: number | [number, number] | "auto";
  readonly overlap?: number;
  readonly merge?: "nmm" | "nms";
  readonly metric?: "ios" | "iou";
  readonly mergeThreshold?: number;
  readonly fullImage?: boolean;
  readonly batchSize?: number;
}

/** Adds the options of slices. */
export function addSlicingOptions(command: Command): Command {
  return command
    .option(
      "--slice <px>",
      "predict in slices: 640, width x height as in 640x480, or auto " +
        "(default: the whole photo at once)",
      parseSlice,
    )
    .option(
      "--overlap <share>",
      "share of a slice that the next one shows too (default: 0.2)",
      parseOverlap,
    )
    .addOption(
      new Option(
        "--merge <how>",
        "make one object of those on several slices: nmm grows the best box, nms keeps it " +
          "(default: nmm)",
      ).choices(["nmm", "nms"]),
    )
    .addOption(
      new Option(
        "--metric <overlap>",
        "what counts as overlap when merging: ios of the smaller box, iou of both (default: ios)",
      ).choices(["ios", "iou"]),
    )
    .option(
      "--merge-threshold <overlap>",
      "merge from this overlap on, above 0 to 1 (default: 0.5)",
      parseThreshold,
    )
    .option("--full-image", "predict the whole photo too, for objects larger than a slice")
    .option(
      "--batch-size <n>",
      "slices in one run of the network (default: 1 on the CPU, by OpenVINO up to 8, else 16)",
      parseCount,
    );
}

/** Returns undefined without `--slice`, and refuses options that need it. */
export function readSlicing(
  command: Command,
  options: SlicingArguments,
): SlicingOptions | undefined {
  const { slice, overlap, merge, metric, mergeThreshold, fullImage, batchSize } = options;
  if (slice === undefined) {
    const dependent = { overlap, merge, metric, mergeThreshold, fullImage, batchSize };
    refuseWithout(command, "slice", Object.keys(dependent));
    return undefined;
  }
  if (slice === "auto" && overlap !== undefined) {
    command.error("error: --overlap needs a size: --slice auto has an overlap of its own");
  }
  const threshold = mergeThreshold;
  return { slice, overlap, merge: { method: merge, metric, threshold }, fullImage, batchSize };
}

/** Returns one number for a square, [width, height], or `auto`. */
function parseSlice(text: string): number | [number, number] | "auto" {
  if (text === "auto") return text;
  const sides = text.split(/[x×]/i);
  const isSize = sides.length <= 2 && sides.every((side) => /^[1-9]\d{0,5}$/.test(side));
  if (!isSize) throw expected("pixels as in 640, width x height as in 640x480, or auto", text);
  const [width, height] = sides.map(Number);
  // Networks see multiples of 32 px. A smaller size is most likely a number of slices.
  if (Math.min(width!, height ?? width!) < 32) throw expected("sides of at least 32 px", text);
  return height === undefined ? width! : [width!, height];
}

function parseOverlap(text: string): number {
  const value = parseDecimal(text);
  if (value >= 0 && value < 1) return value;
  throw expected("a number from 0 to below 1", text);
}

function parseThreshold(text: string): number {
  const value = parseDecimal(text);
  if (value > 0 && value <= 1) return value;
  throw expected("a number above 0 and up to 1", text);
}
