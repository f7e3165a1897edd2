import { Command } from "commander";
import { exitStatusHelp } from "./exit-status.ts";
import {
  addPredictionOptions,
  type MaxDetections,
  parseFraction,
  parseImageSize,
  requireOption,
} from "./prediction-options.ts";
import type { RunArguments } from "./run.ts";
import { addSlicingOptions, readSlicing, type SlicingArguments } from "./slicing-options.ts";
import type { StandardOutput } from "./standard-output.ts";

const help = `
Examples:
  $ orangery run photos/ --detect plants.onnx
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx --annotate annotated/
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx --slice 640
  $ orangery run examples/photos --detect sample:seedlings --segment sample:beds

Stopped in any way and started again with the same options, a run goes on where it was. Several runs
with the same results file share the work. Photos without a result are tried again when their file
changes, or with --retry.
${exitStatusHelp}`;

const maxDetections: MaxDetections = { whole: 3000, sliced: 100_000 };

/** `orangery run`: the main job. */
export function createRunCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("run")
    .summary("count objects on many photos, resumable")
    .description(
      "Counts objects on photos, and in each region of a photo, and records everything in a results file.",
    )
    .argument("<path...>", "photos, and folders of photos with all folders below them")
    .option("--detect <model>", "finds what is counted: a .pt or ONNX file, or sample:seedlings")
    .option("--segment <model>", "finds the beds to count in: a .pt or ONNX file, or sample:beds")
    .option("--out <file>", "the results file, made if it is missing", "results.db")
    .option("--annotate <folder>", "draw what was found on copies of the photos");
  addSlicingOptions(addPredictionOptions(command, maxDetections))
    .option("--segment-confidence <score>", "least score of a region, 0 to 1", parseFraction, 0.25)
    .option(
      "--segment-image-size <px>",
      "input of the segmentation network (default: its own)",
      parseImageSize,
    )
    .option("--retry", "try photos again that were set aside")
    .option("--json", "print one JSON line a photo and one for all, at the end")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (paths: string[], options: RunArguments & SlicingArguments) => {
    requireOption(command, options, "detect");
    const slicing = readSlicing(command, options);
    const most = options.maxDetections ?? maxDetections[slicing ? "sliced" : "whole"];
    // Only now: help and complaints need no runtime.
    const { run } = await import("./run.ts");
    setStatus(await run(output, paths, { ...options, slicing, maxDetections: most }));
  });
}
