import { Command, Option } from "commander";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import {
  addDetectionOptions,
  addDeviceOptions,
  addPrecisionOption,
  type MaxDetections,
} from "../../options/detection-options.ts";
import { refuseWithout, requireOption } from "../../options/option-values.ts";
import {
  addAnnotateOption,
  addDecodeOption,
  addMaxPixelsOption,
  addPrivateAddressesOption,
  readDecode,
} from "../../options/photo-options.ts";
import {
  addModelPlacesOption,
  addRecipeFileOption,
  type RecipeFileArguments,
  readGivenRecipe,
} from "../../options/recipe-options.ts";
import { addSampleOptions } from "../../options/sample-options.ts";
import {
  addSlicingOptions,
  readSlicing,
  type SlicingArguments,
} from "../../options/slicing-options.ts";
import { exitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { PredictArguments } from "./predict-photo.ts";

const help = `
Examples:
  $ orangery predict photo.jpg --model plants.onnx
  $ orangery predict photo.jpg --model plants.onnx --slice 640 --overlap 0.2
  $ orangery predict *.jpg --model beds.onnx --masks polygon --json > beds.jsonl

With --json, a photo that cannot be read has a line, too:
{"image": …, "error": {"code", "message"}}
${exitStatusHelp}`;

/** On a whole photo, as many as Ultralytics returns. */
const maxDetections: MaxDetections = { whole: 300, sliced: 100_000 };

/** `orangery predict`: what a model finds on a few photos. */
export function createPredictCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("predict")
    .summary("show what a model finds on photos")
    .description("Runs a model on photos and prints what it finds. Nothing is recorded.")
    .argument("<image...>", "photos, folders, s3://bucket/photo.jpg, https://…")
    .option("--model <model>", "a .pt or ONNX file, sample:seedlings or sample:beds");
  addModelPlacesOption(addRecipeFileOption(command));
  addPrecisionOption(addDeviceOptions(addDetectionOptions(command, maxDetections)));
  addDecodeOption(addMaxPixelsOption(addSampleOptions(addSlicingOptions(command)))).addOption(
    new Option("--masks <form>", "how masks are printed with --json")
      .choices(["rle", "polygon", "none"])
      .default("rle"),
  );
  addPrivateAddressesOption(addAnnotateOption(command))
    .option("--json", "print one JSON line a photo")
    .addHelpText("after", help);
  type Arguments = PredictArguments & SlicingArguments & RecipeFileArguments & RecipeSlicing;
  return command.action(async (images: string[], given: Arguments) => {
    const options = given.recipe === undefined ? given : await withRecipe(command, given);
    requireOption(command, options, "model");
    const slicing = options.recipeSlicing ?? readSlicing(command, options);
    readDecode(command, options);
    refuseWithout(command, "json", ["masks"]);
    const most = options.maxDetections ?? maxDetections[slicing ? "sliced" : "whole"];
    // Imported late: help and usage errors need no runtime.
    const { predict } = await import("./predict.ts");
    setStatus(await predict(output, images, { ...options, slicing, maxDetections: most }));
  });
}

interface RecipeSlicing {
  readonly recipeSlicing?: SlicingOptions | undefined;
}

/** Predicts with the detector of a recipe, asked as the recipe says. */
async function withRecipe<T extends PredictArguments & RecipeFileArguments & RecipeSlicing>(
  command: Command,
  given: T,
): Promise<T> {
  const { findRecipeModels } = await import("../../options/recipe-file.ts");
  const recipe = await readGivenRecipe(command, given.recipe!);
  const { detect, slicing, samples, decode } = await findRecipeModels(recipe, given.models);
  const photos = { ...samples, decode, recipeSlicing: slicing };
  const { file: model, calibration, precision, options: asked } = detect;
  return { ...given, ...photos, model, reduced: { calibration, precision }, ...asked };
}
