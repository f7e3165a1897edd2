import { Command } from "commander";
import {
  addCountOptions,
  addModelOptions,
  type CountArguments,
} from "../../options/count-options.ts";
import { addDeviceOptions, addPrecisionOption } from "../../options/detection-options.ts";
import {
  addAnnotateOption,
  addLocationOption,
  addMaxPixelsOption,
  addPhotoArguments,
  addPrivateAddressesOption,
  requirePhotos,
} from "../../options/photo-options.ts";
import {
  addModelPlacesOption,
  addRecipeFileOption,
  type RecipeFileArguments,
  readCount,
} from "../../options/recipe-options.ts";
import { defaultResults } from "../../options/results-options.ts";
import { exitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { addDashboardOptions } from "../dashboard/dashboard-options.ts";
import type { RunArguments } from "./run.ts";
import { addWatchOptions, readWatch, type WatchArguments } from "./watch-arguments.ts";

const help = `
Examples:
  $ orangery run photos/ --detect plants.onnx
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx --annotate annotated/
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx --slice 640
  $ orangery run photos/ --recipe plants.json
  $ orangery run photos/ --detect plants.pt --precision auto
  $ orangery run photos/ --detect plants.onnx --exclude '*.cr2' --exclude old
  $ find photos/ -newer last-week -name '*.jpg' | orangery run --from-file - --detect plants.onnx
  $ orangery run arriving/ --detect plants.onnx --watch
  $ orangery run examples/photos --detect sample:seedlings --segment sample:beds

However a run was stopped, it resumes when it is started again with the same options. Several runs
with the same results file share the work. Failed photos are tried again when
their file changes, or with --retry.
${exitStatusHelp}`;

type RunCommandArguments = Omit<RunArguments, "watch"> &
  CountArguments &
  RecipeFileArguments &
  WatchArguments;

/** `orangery run`: the main job. */
export function createRunCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("run")
    .summary("count objects on many photos, resumable")
    .description("Counts objects on photos, and in each region of a photo, into a results file.");
  addRecipeFileOption(addModelOptions(addPhotoArguments(command)));
  addModelPlacesOption(command).option(
    "--out <file>",
    "the results file, made if it is missing",
    defaultResults,
  );
  addDeviceOptions(addPrecisionOption(addCountOptions(addAnnotateOption(command))));
  addLocationOption(addWatchOptions(addPrivateAddressesOption(addMaxPixelsOption(command))));
  addDashboardOptions(command)
    .option("--retry", "try failed photos again")
    .option(
      "--json",
      "print one JSON line per photo, at the end or with --watch at once, and a summary",
    )
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (photos: string[], options: RunCommandArguments) => {
    requirePhotos(command, photos, options);
    const watch = readWatch(command, options);
    const count = await readCount(command, options);
    // Imported late: help and usage errors need no runtime.
    const { run } = await import("./run.ts");
    setStatus(await run(output, photos, { ...options, count, watch }));
  });
}
