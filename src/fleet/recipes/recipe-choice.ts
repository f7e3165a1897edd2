import { OrangeryError } from "../../errors.ts";
import { isRecipeNamed } from "../../ledger/recipe.ts";
import type { JobQueue } from "./fleet-queues.ts";
import type { QueuedRecipe } from "./queue-catalogue.ts";

/**
 * Returns the queues of the named recipes, or all queues if none is named. A name must mean exactly
 * one recipe, since a change to the wrong one may be irreversible.
 *
 * @throws `RECIPE_NOT_FOUND`
 */
export function chooseQueues(
  queues: readonly JobQueue[],
  wanted: readonly string[] | undefined,
): readonly JobQueue[] {
  if (wanted === undefined) return queues;
  const recipes = queues.flatMap(({ recipe }) => recipe ?? []);
  const chosen = new Set<QueuedRecipe>();
  for (const text of wanted) {
    const meant = recipes.filter((recipe) => isRecipeNamed(recipe, text));
    if (meant.length !== 1) throw notOne(text, meant, recipes);
    chosen.add(meant[0]!);
  }
  return queues.filter(({ recipe }) => recipe !== undefined && chosen.has(recipe));
}

function notOne(
  wanted: string,
  meant: readonly QueuedRecipe[],
  recipes: readonly QueuedRecipe[],
): OrangeryError {
  const list = (some: readonly QueuedRecipe[]) =>
    some.map(({ name, hash }) => `${name} (${hash.slice(0, 8)})`).join(", ");
  return new OrangeryError(
    "RECIPE_NOT_FOUND",
    meant.length > 1
      ? `Expected one recipe, but ${wanted} may be several: ${list(meant)}. Give the hash.`
      : `Expected the queue to have a recipe ${wanted}, but it has ${list(recipes) || "none"}. ` +
          "`orangery status` lists the recipes of a queue.",
    { details: { wanted } },
  );
}
