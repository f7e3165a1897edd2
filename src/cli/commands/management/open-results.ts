import { type RecipeChoice, readRecipeChoices } from "../../../ledger/browse/progress.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { readRecipes } from "../../../ledger/results/stored-results.ts";
import { chooseRecipe } from "../../../results/choose-recipe.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";

/** Results that are to be put right, and the recipe that is meant. */
export interface OpenedResults extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly recipe: RecipeChoice;
}

export interface ResultsArguments {
  readonly results?: string | undefined;
  readonly recipe?: string | undefined;
}

/** Opens results that exist, and chooses a recipe of theirs. */
export async function openResultsToManage(
  { results = defaultResults, recipe: wanted }: ResultsArguments,
  { readOnly }: { readonly readOnly: boolean },
): Promise<OpenedResults> {
  const location = resultsFromCaller(results);
  await using stack = new AsyncDisposableStack();
  // Opened to be read first: results that are not there are not made.
  const reader = stack.use(await openLedger(location, { readOnly: true }));
  const { hash } = chooseRecipe(await readRecipes(reader), wanted);
  const { recipes } = await readRecipeChoices(reader);
  const recipe = recipes.find((known) => known.hash === hash)!;
  const ledger = readOnly ? reader : stack.use(await openLedger(location));
  const owned = stack.move();
  return { ledger, recipe, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
