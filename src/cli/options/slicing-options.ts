import { type Command, Option } from "commander";
import type { SlicingOptions } from "../../pipeline/count/slicing.ts";
import { expected, parseCount, parseDecimal } from "./prediction-options.ts";

/** Options about slices, as commander gives them; undefined where they were not given. */
export interface SlicingArguments {
  readonly slice?: number | [number, number] | "auto";
  readonly overlap?: number;
  readonly merge?: "nmm" | "nms";
  readonly metric?: "ios" | "iou";
  readonly mergeThreshold?: number;
  readonly fullImage?: boolean;
  readonly batchSize?: number;
}

/** Adds the options that say how photos are cut into slices. */
export function addSlicingOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--slice <px>",
        "predict in slices: 640, width x height as in 640x480, or auto (default: the whole photo at once)",
      ).argParser(parseSlice),
    )
    .addOption(
      new Option(
        "--overlap <share>",
        "of a slice that the next one shows too (default: 0.2)",
      ).argParser(parseOverlap),
    )
    .addOption(
      new Option(
        "--merge <how>",
        "make one of what several slices show: nmm grows the best box, nms keeps it (default: nmm)",
      ).choices(["nmm", "nms"]),
    )
    .addOption(
      new Option(
        "--metric <overlap>",
        "what counts as overlap when merging: ios of the smaller box, iou of both (default: ios)",
      ).choices(["ios", "iou"]),
    )
    .addOption(
      new Option(
        "--merge-threshold <overlap>",
        "merge from this on, above 0 to 1 (default: 0.5)",
      ).argParser(parseThreshold),
    )
    .option("--full-image", "predict the whole photo too, for what is larger than a slice")
    .addOption(
      new Option(
        "--batch-size <n>",
        "slices in a run (default: 1 on the CPU, 16 elsewhere)",
      ).argParser(parseCount),
    );
}

/** Undefined without `--slice`. Complains about options that need it. */
export function readSlicing(
  command: Command,
  options: SlicingArguments,
): SlicingOptions | undefined {
  const { slice, overlap, merge, metric, mergeThreshold, fullImage, batchSize } = options;
  const dependent = { overlap, merge, metric, mergeThreshold, fullImage, batchSize };
  const [given] = Object.entries(dependent).find(([, value]) => value !== undefined) ?? [];
  const { flags } = command.options.find((option) => option.attributeName() === given) ?? {};
  if (slice === undefined) {
    if (flags !== undefined) command.error(`error: option '${flags}' needs --slice`);
    return undefined;
  }
  if (slice === "auto" && overlap !== undefined) {
    command.error(
      "error: --overlap needs a size: slices of --slice auto have an overlap of their own",
    );
  }
  const threshold = mergeThreshold;
  return { slice, overlap, merge: { method: merge, metric, threshold }, fullImage, batchSize };
}

/** One number for a square, [width, height], or `auto`. */
function parseSlice(text: string): number | [number, number] | "auto" {
  if (text === "auto") return text;
  const sides = text.split(/[x×]/i);
  const isSize = sides.length <= 2 && sides.every((side) => /^[1-9]\d{0,5}$/.test(side));
  if (!isSize) throw expected("pixels as in 640, width x height as in 640x480, or auto", text);
  const [width, height] = sides.map(Number);
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
