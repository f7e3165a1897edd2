import { realpath } from "node:fs/promises";
import { formatPlural } from "../../../base/quantities.ts";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { isPart, type PhotoSelection } from "../../../ledger/photos/selection.ts";
import {
  readRecipes,
  readResults,
  type StoredRecipe,
  type StoredResult,
} from "../../../ledger/results/stored-results.ts";
import { chooseRecipe, shortHashLength } from "../../../results/choose-recipe.ts";
import { displayPath } from "../../options/caller-paths.ts";

/**
 * Returns the recipe that was asked for, with the totals of the photos that are selected, and lists
 * all where there are several and none was named.
 *
 * @throws `INVALID_ARGUMENT` where no photo is selected
 */
export async function recipeFromCaller(
  ledger: Ledger,
  wanted: string | undefined,
  selection: PhotoSelection,
): Promise<StoredRecipe> {
  const recipes = await readRecipes(ledger, selection);
  await refuseEmpty(ledger, recipes, selection);
  const recipe = chooseRecipe(recipes, wanted);
  if (recipes.length > 1 && wanted === undefined) {
    const lines = recipes.map(({ name = "", hash, done, lastResultAt = "" }) => {
      const mark = hash === recipe.hash ? "*" : " ";
      const photos = formatPlural(done, "photo");
      return [`  ${mark} ${hash.slice(0, shortHashLength)}`, name, photos, lastResultAt]
        .filter((text) => text !== "")
        .join("  ");
    });
    process.stderr.write(
      `There are results of ${recipes.length} recipes; these are of the newest (*). ` +
        `Choose another with --recipe:\n${lines.join("\n")}\n`,
    );
  }
  return recipe;
}

async function refuseEmpty(
  ledger: Ledger,
  recipes: readonly StoredRecipe[],
  selection: PhotoSelection,
): Promise<void> {
  if (!isPart(selection) || recipes.some(({ done, failed, left }) => done + failed + left > 0)) {
    return;
  }
  const { value } = await readResults(ledger).next();
  const hint = value === undefined ? "" : ` The first photo is ${describePhoto(value)}.`;
  const { under, takenAfter, takenBefore } = selection;
  const wanted = [
    ...(under === undefined ? [] : [`at or below ${displayPath(under)}`]),
    ...(takenAfter === undefined ? [] : [`taken at or after ${takenAfter}`]),
    ...(takenBefore === undefined ? [] : [`taken before ${takenBefore}`]),
  ];
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected photos ${wanted.join(", ")} in the results, got none.${hint}`,
    { details: { under, takenAfter, takenBefore } },
  );
}

function describePhoto({ source, capture: { takenAt } }: StoredResult): string {
  return `${displayPath(source)}, taken ${takenAt ?? "at a time that is not known"}`;
}

/** @throws `INVALID_ARGUMENT` where writing to `out` would replace the results. */
export async function refuseToReplace(location: string, out: string): Promise<void> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const existing = await real(out);
  if (existing === undefined || urlScheme(location) !== undefined) return;
  if (existing !== (await real(location))) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected another file to write than the results file ${displayPath(location)}.`,
    { details: { out } },
  );
}
