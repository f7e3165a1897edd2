import type { Queue } from "bullmq";
import type { QueueDepth } from "../../monitor/queue-gauges.ts";
import type { QueuePlace } from "../queue/redis-connection.ts";
import { QueueCatalogue, type QueuedRecipe } from "../recipes/queue-catalogue.ts";
import { recipeQueuePlace } from "../recipes/recipe-queue.ts";
import { readQueueDepth } from "./queue-depth.ts";

/**
 * Reads the depth of each recipe of a queue, and that of the tasks in it, if there are any or if it
 * has no recipe yet.
 */
export async function readRecipeDepths(queue: Queue, place: QueuePlace): Promise<QueueDepth[]> {
  const client = await queue.getBackend().client;
  const recipes = await new QueueCatalogue(queue).recipes();
  const [tasks, ...depths] = await Promise.all([
    readQueueDepth({ client, recipe: "", toKey: (key) => queue.toKey(key) }),
    ...recipes.map((recipe) => {
      const { prefix, queue: name } = recipeQueuePlace(place, recipe.hash);
      const toKey = (key: string) => `${prefix}:${name}:${key}`;
      return readQueueDepth({ client, recipe: labelOf(recipe, recipes), toKey });
    }),
  ]);
  return depths.length === 0 || !isUnused(tasks) ? [tasks, ...depths] : depths;
}

/** The recipe's name; where it has none, or another has the same, the beginning of its hash. */
function labelOf({ hash, name }: QueuedRecipe, recipes: readonly QueuedRecipe[]): string {
  const isUnique = recipes.filter((recipe) => recipe.name === name).length === 1;
  return isUnique && name !== "" ? name : hash.slice(0, 12);
}

function isUnused({ waiting, active, delayed, failed, ended }: QueueDepth): boolean {
  return waiting + active + delayed + failed + ended.succeeded + ended.failed === 0;
}
