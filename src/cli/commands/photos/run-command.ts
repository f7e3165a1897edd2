import { Command } from "commander";
import {
  addModelOptions,
  addSegmentOptions,
  type CountArguments,
  maxCountDetections,
  readCountOptions,
} from "../../options/count-options.ts";
import { addPredictionOptions, requireOption } from "../../options/prediction-options.ts";
import { addPrivateAddressesOption } from "../../options/queue-options.ts";
import { addSlicingOptions } from "../../options/slicing-options.ts";
import { exitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { RunArguments } from "./run.ts";

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
    .argument(
      "<path...>",
      "photos, folders with all folders below them, s3://bucket/folder/, https://…",
    );
  addModelOptions(command)
    .option("--out <file>", "the results file, made if it is missing", "results.db")
    .option("--annotate <folder>", "draw what was found on copies of the photos");
  addSegmentOptions(addSlicingOptions(addPredictionOptions(command, maxCountDetections)));
  addPrivateAddressesOption(command)
    .option("--retry", "try photos again that were set aside")
    .option("--json", "print one JSON line a photo and one for all, at the end")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (paths: string[], options: RunArguments & CountArguments) => {
    requireOption(command, options, "detect");
    const count = readCountOptions(command, options);
    // Only now: help and complaints need no runtime.
    const { run } = await import("./run.ts");
    setStatus(await run(output, paths, { ...options, count }));
  });
}
