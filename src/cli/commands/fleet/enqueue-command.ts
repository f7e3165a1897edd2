import { Command } from "commander";
import {
  addCountOptions,
  addModelOptions,
  type CountArguments,
  readCountOptions,
} from "../../options/count-options.ts";
import { addPrecisionOption } from "../../options/detection-options.ts";
import { requireOption } from "../../options/option-values.ts";
import { addPhotoArguments, requirePhotos } from "../../options/photo-options.ts";
import { addQueueOptions } from "../../options/queue-options.ts";
import {
  addRecipeFileOption,
  type RecipeFileArguments,
  readGivenRecipe,
} from "../../options/recipe-options.ts";
import { addResultsOption } from "../../options/results-options.ts";
import { exitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { EnqueueArguments } from "./enqueue.ts";

const help = `
Examples:
  $ orangery enqueue photos/ --detect plants.onnx --results postgres://localhost/counts
  $ orangery enqueue photos/ --recipe plants.json
  $ orangery enqueue --from-file photos.txt --detect plants.onnx
  $ orangery enqueue s3://bucket/2026/ --detect plants.onnx --segment beds.onnx

Models and options are the photos' recipe. It goes into the queue with them, and workers follow it.
The files of models and --regions do not: workers find them at the same path, or in a place that
their --models names. Photos that have a result or wait in the queue are left out, so the
command can be repeated at any time.
${exitStatusHelp}`;

type Arguments = EnqueueArguments & CountArguments & RecipeFileArguments;

/** `orangery enqueue`: photos for the workers of a queue. */
export function createEnqueueCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("enqueue")
    .summary("add photos to the queue of a fleet")
    .description("Adds the photos that have no result yet to a queue.");
  addQueueOptions(addRecipeFileOption(addModelOptions(addPhotoArguments(command))));
  addResultsOption(
    command,
    "where workers record, a file or postgres://… (default: where the queue says, or results.db)",
  );
  addPrecisionOption(addCountOptions(command))
    .option("--retry", "add failed photos again")
    .option("--json", "print the counts as JSON")
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (photos: string[], options: Arguments) => {
    requirePhotos(command, photos, options);
    const given = options.recipe && (await readGivenRecipe(command, options.recipe));
    if (!given) requireOption(command, options, "detect");
    const count = given ? given.count : readCountOptions(command, options);
    const { enqueue } = await import("./enqueue.ts");
    setStatus(await enqueue(output, photos, { ...options, count, given: given || undefined }));
  });
}
