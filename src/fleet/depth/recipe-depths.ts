import type { Queue } from "bullmq";
import type { QueueDepth } from "../../monitor/queue-gauges.ts";
import { QueueCatalogue, type QueuedRecipe } from "../recipes/queue-catalogue.ts";
import { recipeQueueName } from "../recipes/recipe-queue.ts";
import { storeOf } from "../store/store-of.ts";

/**
 * Reads the depth of each recipe of a queue. Tasks have a depth, too, if there are any or there is
 * no recipe yet.
 */
export async function readRecipeDepths(queue: Queue): Promise<QueueDepth[]> {
  const store = storeOf(queue);
  const recipes = await new QueueCatalogue(queue).recipes();
  const [tasks, ...depths] = await Promise.all([
    store.depth().then((depth) => ({ recipe: "", ...depth })),
    ...recipes.map(async (recipe) => ({
      recipe: labelOf(recipe, recipes),
      ...(await store.depth(recipeQueueName(recipe.hash))),
    })),
  ]);
  return depths.length === 0 || !isUnused(tasks) ? [tasks, ...depths] : depths;
}

/** The recipe's name, or the beginning of its hash if it has none or shares it. */
function labelOf({ hash, name }: QueuedRecipe, recipes: readonly QueuedRecipe[]): string {
  const isUnique = recipes.filter((recipe) => recipe.name === name).length === 1;
  return isUnique && name !== "" ? name : hash.slice(0, 12);
}

function isUnused({ waiting, active, delayed, failed, ended }: QueueDepth): boolean {
  return waiting + active + delayed + failed + ended.succeeded + ended.failed === 0;
}
