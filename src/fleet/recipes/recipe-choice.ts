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
 * Returns the queues of the recipes that are named; all queues, where none is.
 *
 * @throws `RECIPE_NOT_FOUND`
 */
export function chooseQueues(
  queues: readonly JobQueue[],
  wanted: readonly string[] | undefined,
): readonly JobQueue[] {
  if (wanted === undefined) return queues;
  const recipes = queues.flatMap(({ recipe }) => recipe ?? []);
  const unknown = wanted.find((text) => !recipes.some((recipe) => isMeant(recipe, [text])));
  if (unknown === undefined) {
    return queues.filter(({ recipe }) => recipe !== undefined && isMeant(recipe, wanted));
  }
  const known = recipes.map(({ name, hash }) => `${name} (${hash.slice(0, 8)})`).join(", ");
  throw new OrangeryError(
    "RECIPE_NOT_FOUND",
    `Expected the queue to have a recipe ${unknown}, but it has ${known || "none"}. ` +
      "`orangery status` lists the recipes of a queue.",
    { details: { wanted: unknown } },
  );
}
