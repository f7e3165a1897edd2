import { describeModel } from "../../models/yolo/model-description.ts";
import type { PredictOptions } from "../../models/yolo/predict-options.ts";
import { chooseClasses } from "../../vision/class-choice.ts";

/** A model's file, and how it is asked. */
interface AskedModel {
  readonly file: string;
  readonly options?: Pick<PredictOptions, "classes" | "classConfidence"> | undefined;
}

/**
 * Puts ids in place of the names of classes: a recipe is the same, whichever way classes were
 * named. The names are those that the model's file has.
 *
 * @throws `INVALID_ARGUMENT` for a class that the model does not have, and what `describeModel`
 *   throws
 */
export async function withClassIds<Model extends AskedModel>(model: Model): Promise<Model> {
  const { file, options = {} } = model;
  const { classes, classConfidence } = options;
  if (classes === undefined && classConfidence === undefined) return model;
  const { names } = await describeModel(file);
  const chosen = chooseClasses(names, { classes, classConfidence });
  // Ids stay as they were given, so that the recipe stays what it was.
  const isNamed = classes?.some((choice) => typeof choice !== "number");
  return { ...model, options: { ...options, ...chosen, ...(isNamed === false && { classes }) } };
}
