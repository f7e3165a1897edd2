import { readFile } from "node:fs/promises";
import { dirname, resolve, win32 } from "node:path";
import { urlScheme } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { CountOptions, JobModel, ModelRole } from "../../pipeline/recipe/count-recipe.ts";
import { ModelFinder } from "../../pipeline/recipe/model-finder.ts";
import { parseRecipe, type ReadRecipe } from "../../pipeline/recipe/recipe-document.ts";
import { findRegions } from "../../pipeline/regions/find-regions.ts";
import { displayPath, fromCaller, photoFromCaller } from "./caller-paths.ts";

/**
 * Reads a recipe's file. Paths of models in it are relative to its folder.
 *
 * @throws `RECIPE_NOT_FOUND`, `RECIPE_INVALID`
 */
export async function readRecipeFile(path: string): Promise<ReadRecipe> {
  const file = fromCaller(path);
  const json = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new OrangeryError(
      "RECIPE_NOT_FOUND",
      `Expected a file with a recipe at ${displayPath(file)}, but it cannot be read ` +
        `(${cause.code ?? cause.message}). Make one with \`orangery recipe make\`.`,
      { cause, details: { file } },
    );
  });
  // Some editors begin a file with a mark of its encoding.
  const recipe = parseRecipe(json.replace(/^\uFEFF/, ""), displayPath(file));
  const below = ({ file: model, ...rest }: JobModel): JobModel => ({
    ...rest,
    file: isPlace(model) ? model : resolve(dirname(file), model),
  });
  const { detect, segment, regions } = recipe.count;
  const count = {
    ...recipe.count,
    detect: below(detect),
    segment: segment && below(segment),
    regions: regions && below(regions),
  };
  return { ...recipe, count };
}

/** What is no path that is relative to the file: of a sample, a bucket, another system. */
function isPlace(model: string): boolean {
  return model.startsWith("sample:") || urlScheme(model) !== undefined || win32.isAbsolute(model);
}

/**
 * Returns the options of a recipe with its models' files as they are found here: where the recipe
 * says, or in one of the places.
 *
 * @throws `MODEL_NOT_FOUND`, `REGIONS_NOT_FOUND`
 */
export async function findRecipeModels(
  { count, sha256 }: ReadRecipe,
  places: readonly string[] | undefined,
): Promise<CountOptions> {
  using reader = new PhotoReader();
  const options = { places: places?.map(photoFromCaller), reader };
  const finder = new ModelFinder(options);
  const find = async (role: ModelRole, model: JobModel): Promise<JobModel> => ({
    ...model,
    file: await finder.find({ file: model.file, sha256: sha256[role]! }),
  });
  const regions = count.regions && { ...count.regions, sha256: sha256.regions! };
  return {
    ...count,
    detect: await find("detect", count.detect),
    segment: count.segment && (await find("segment", count.segment)),
    regions: regions && { file: (await findRegions(regions, options)).file },
  };
}
