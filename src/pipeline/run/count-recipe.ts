import { createRecipe, type Recipe } from "../../ledger/recipe.ts";
import { identifyModelFile } from "../../models/files/model-file.ts";
import type { PredictOptions } from "../../models/yolo/yolo-model.ts";
import type { SampleOptions } from "../../vision/photo/samples/sample-layout.ts";
import { Slicing, type SlicingOptions } from "../count/slicing.ts";

export type ModelRole = "detect" | "segment";

/** Which model finds what, and how it is asked. */
export interface JobModel {
  /** Path, or the name of a sample model. */
  readonly file: string;
  /** What decides the result becomes part of the recipe. */
  readonly options?: RecipePredictOptions;
}

/** The options of a prediction that decide its result. */
export type RecipePredictOptions = Pick<
  PredictOptions,
  "confidence" | "iou" | "maxDetections" | "classes" | "classAgnostic" | "imageSize"
>;

/** What is counted, and how. */
export interface CountOptions {
  /** Finds what is counted. */
  readonly detect: JobModel;
  /** Finds the regions in which it is counted; without it, it is counted on the whole photo. */
  readonly segment?: JobModel | undefined;
  /** Predict photos in slices. All but `batchSize` becomes part of the recipe. Default: whole. */
  readonly slicing?: SlicingOptions | undefined;
  /** Which samples of a photo are its colours. Default: those that its file states. */
  readonly samples?: SampleOptions | undefined;
}

/** The recipe of counting, and the contents of the models that it names. */
export interface CountRecipe {
  readonly recipe: Recipe;
  readonly sha256: { readonly [role in ModelRole]: string | undefined };
}

/**
 * The recipe of what is asked for, from the model files as they are now.
 *
 * @throws `MODEL_NOT_FOUND`, `INVALID_ARGUMENT`
 */
export async function countRecipe({
  detect,
  segment,
  slicing,
  samples,
}: CountOptions): Promise<CountRecipe> {
  const sha256 = {
    detect: (await identifyModelFile(detect.file)).sha256,
    segment: segment && (await identifyModelFile(segment.file)).sha256,
  };
  const recipe = createRecipe({
    job: "count",
    // 3: regions that overlap are one. 4: the colours of CMYK photos are OpenCV's.
    version: 4,
    detect: { sha256: sha256.detect, ...detect.options },
    segment: segment && { sha256: sha256.segment, ...segment.options },
    slicing: slicing && new Slicing(slicing).decisive,
    samples: samples && { ...samples },
  });
  return { recipe, sha256 };
}
