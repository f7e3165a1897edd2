import { realpath } from "node:fs/promises";
import { extname } from "node:path";
import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { readRecipes, type StoredRecipe } from "../../../ledger/results/stored-results.ts";
import { chooseRecipe, shortHashLength } from "../../../results/choose-recipe.ts";
import { displayPath, fromCaller } from "../../options/caller-folder.ts";
import { formatPlural } from "../../output/quantities.ts";

/** Where results are that nobody said a place for. */
export const defaultResults = "results.db";

/** A results file from the command line, or the URL of a database as it is. */
export function resultsFromCaller(location: string): string {
  return isUrl(location) ? location : fromCaller(location);
}

/** Beside the results file, named after it; of a database, where the user is. */
export function pathBeside(location: string, suffix: string): string {
  if (isUrl(location)) return fromCaller(`results${suffix}`);
  const extension = extname(location);
  return location.slice(0, location.length - extension.length) + suffix;
}

/** The recipe that was asked for; where there is a choice that was not made, tells of it. */
export async function recipeFromCaller(
  ledger: Ledger,
  wanted: string | undefined,
): Promise<StoredRecipe> {
  const recipes = await readRecipes(ledger);
  const recipe = chooseRecipe(recipes, wanted);
  if (recipes.length > 1 && wanted === undefined) {
    const lines = recipes.map(({ hash, done, lastResultAt = "" }) => {
      const mark = hash === recipe.hash ? "*" : " ";
      const short = hash.slice(0, shortHashLength);
      return `  ${mark} ${short}  ${formatPlural(done, "photo")}  ${lastResultAt}`.trimEnd();
    });
    process.stderr.write(
      `There are results of ${recipes.length} recipes; these are of the newest (*). ` +
        `Choose another with --recipe:\n${lines.join("\n")}\n`,
    );
  }
  return recipe;
}

/** @throws `INVALID_ARGUMENT` where writing there would replace the results. */
export async function refuseToReplace(location: string, out: string): Promise<void> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const existing = await real(out);
  if (existing === undefined || isUrl(location) || existing !== (await real(location))) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected another file for --out than the results file ${displayPath(location)}.`,
    { details: { out } },
  );
}

function isUrl(location: string): boolean {
  return /^[a-z]+:\/\//i.test(location);
}
