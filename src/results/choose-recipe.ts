import { OrangeryError } from "../errors.ts";
import type { StoredRecipe } from "../ledger/results/stored-results.ts";

/** The number of characters of a recipe's hash that are shown, and enough to name it. */
export const shortHashLength = 8;

/**
 * Returns the recipe whose hash begins with `wanted`; without it the one with the newest result, or
 * the last one where there is no result.
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
      : recipes.filter(({ hash }) => hash.startsWith(wanted.toLowerCase()));
  const [recipe] = found;
  if (found.length === 1 && recipe !== undefined) return recipe;
  const known = recipes.map(({ hash }) => hash.slice(0, shortHashLength)).join(", ");
  const asked = `a recipe whose hash begins with "${wanted}"`;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    recipes.length === 0
      ? "Expected results, but no run has used this results file yet. Start one with orangery run."
      : found.length === 0
        ? `Expected ${asked}, but there is none. There are ${known}.`
        : `Expected one recipe, but several begin with "${wanted}": name more of ${known}.`,
    { details: { wanted, known: recipes.map(({ hash }) => hash) } },
  );
}

/** Times are ISO 8601 in UTC, so that they sort as texts; none sorts first. */
function byLastResult(a: StoredRecipe, b: StoredRecipe): number {
  const [left, right] = [a.lastResultAt ?? "", b.lastResultAt ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}
