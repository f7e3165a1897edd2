import { describeModel } from "../../models/yolo/model-description.ts";
import { chooseClasses } from "../../vision/class-choice.ts";
import type { JobModel } from "./count-recipe.ts";

/**
 * Puts ids in place of the names of classes: a recipe is the same, whichever way classes were
 * named. The names are those that the model's file has.
 *
 * @throws `INVALID_ARGUMENT` for a class that the model does not have, and what `describeModel`
 *   throws
 */
export async function withClassIds(model: JobModel): Promise<JobModel> {
  const { file, options = {} } = model;
  const { classes, classConfidence } = options;
  if (classes === undefined && classConfidence === undefined) return model;
  const { names } = await describeModel(file);
  const chosen = chooseClasses(names, { classes, classConfidence });
  // Ids stay as they were given, so that the recipe stays what it was.
  const isNamed = classes?.some((choice) => typeof choice !== "number");
  return {
    file,
    options: { ...options, ...chosen, ...(isNamed === false && { classes }) },
  };
}
