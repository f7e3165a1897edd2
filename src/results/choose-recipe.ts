import { OrangeryError } from "../errors.ts";
import { isRecipeNamed } from "../ledger/recipe.ts";
import type { StoredRecipe } from "../ledger/results/stored-results.ts";

/** The number of characters of a recipe's hash that are shown, and enough to name it. */
export const shortHashLength = 8;

/**
 * Returns the recipe of the name `wanted`, or whose hash begins so; without it the one with the
 * newest result, or the last one where there is no result.
 *
 * @throws `INVALID_ARGUMENT` when there is none, or when several begin so.
 */
export function chooseRecipe(
  recipes: readonly StoredRecipe[],
  wanted: string | undefined,
): StoredRecipe {
  const found =
    wanted === undefined
      ? recipes.toSorted(byLastResult).slice(-1)
      : recipes.filter((recipe) => isRecipeNamed(recipe, wanted));
  const [recipe] = found;
  if (found.length === 1 && recipe !== undefined) return recipe;
  const [known, several] = [recipes, found].map((list) => list.map(describe).join(", "));
  const asked = `a recipe of the name "${wanted}" or whose hash begins so`;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    recipes.length === 0
      ? "Expected results, but no run has used this results file yet. Start one with orangery run."
      : found.length === 0
        ? `Expected ${asked}, but there is none. There are ${known}.`
        : `Expected one recipe, but "${wanted}" may be several: ${several}. ` +
          "Give more of the hash.",
    { details: { wanted, known: recipes.map(({ hash }) => hash) } },
  );
}

/** `plants 3f2a9c1b` */
function describe({ name, hash }: StoredRecipe): string {
  return [name, hash.slice(0, shortHashLength)].filter(Boolean).join(" ");
}

/** Times are ISO 8601 in UTC, so that they sort as texts; none sorts first. */
function byLastResult(a: StoredRecipe, b: StoredRecipe): number {
  const [left, right] = [a.lastResultAt ?? "", b.lastResultAt ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}
