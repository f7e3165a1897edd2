import type { Command } from "commander";
import type { CountOptions } from "../../pipeline/recipe/count-recipe.ts";
import type { ReadRecipe } from "../../pipeline/recipe/recipe-document.ts";
import { type CountArguments, readCountOptions } from "./count-options.ts";
import { collect, findGiven, flagsOf, refuseWithout, requireOption } from "./option-values.ts";

/** A recipe that is in a file, in place of the options that make one. */
export interface RecipeFileArguments {
  readonly recipe?: string;
  readonly models?: readonly string[];
}

/** Adds the option that names a recipe's file. */
export function addRecipeFileOption(command: Command): Command {
  return command.option(
    "--recipe <file>",
    "models and options, as orangery recipe make writes them",
  );
}

/** Adds the option that names places of models. */
export function addModelPlacesOption(command: Command): Command {
  return command
    .option(
      "--models <place>",
      "a folder or s3://bucket/folder/ with models of recipes; may be repeated",
      collect,
    )
    .hook("preAction", () => refuseWithout(command, "recipe", ["models"]));
}

/** What a recipe decides, so that its options and a recipe's file exclude each other. */
const decisive = [
  ...["detect", "segment", "regions", "model", "confidence", "iou", "maxDetections", "imageSize"],
  ...["classes", "classConfidence", "recordFrom", "segmentClasses", "segmentClassConfidence"],
  ...["segmentConfidence", "segmentImageSize", "slice", "overlap", "merge", "metric"],
  ...["mergeThreshold", "fullImage", "bands", "valueRange", "decode", "precision", "recipeName"],
];

/** Reads what is to be counted, from a recipe's file or from the other options. */
export async function readCount(
  command: Command,
  options: RecipeFileArguments & CountArguments,
): Promise<CountOptions> {
  if (options.recipe === undefined) {
    requireOption(command, options, "detect");
    return readCountOptions(command, options);
  }
  const { findRecipeModels } = await import("./recipe-file.ts");
  const recipe = await readGivenRecipe(command, options.recipe);
  const count = await findRecipeModels(recipe, options.models);
  const { batchSize } = options;
  return { ...count, slicing: count.slicing && { ...count.slicing, batchSize } };
}

/** Reads a recipe's file, beside which no option decides anything. */
export async function readGivenRecipe(command: Command, file: string): Promise<ReadRecipe> {
  const stray = findGiven(command, decisive);
  if (stray !== undefined) {
    command.error(`error: option '${flagsOf(command, stray)}' and '--recipe' exclude each other`);
  }
  const { readRecipeFile } = await import("./recipe-file.ts");
  return await readRecipeFile(file);
}
