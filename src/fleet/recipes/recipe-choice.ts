import { OrangeryError } from "../../errors.ts";
import type { JobQueue } from "./fleet-queues.ts";
import type { QueuedRecipe } from "./queue-catalogue.ts";

/** Whether a recipe is among those that are named, by its name or the beginning of its hash. */
export function isMeant(
  { name, hash }: Pick<QueuedRecipe, "name" | "hash">,
  wanted: readonly string[] | undefined,
): boolean {
  return wanted?.some((text) => name === text || (text !== "" && hash.startsWith(text))) ?? true;
}

/**
 * Returns the queues of the recipes that are named; all queues, where none is. Each name has to
 * mean one recipe: what is done to another by mistake may not be undone.
 *
 * @throws `RECIPE_NOT_FOUND`
 */
export function chooseQueues(
  queues: readonly JobQueue[],
  wanted: readonly string[] | undefined,
): readonly JobQueue[] {
  if (wanted === undefined) return queues;
  const recipes = queues.flatMap(({ recipe }) => recipe ?? []);
  for (const text of wanted) {
    const meant = recipes.filter((recipe) => isMeant(recipe, [text]));
    if (meant.length !== 1) throw notOne(text, meant, recipes);
  }
  return queues.filter(({ recipe }) => recipe !== undefined && isMeant(recipe, wanted));
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
