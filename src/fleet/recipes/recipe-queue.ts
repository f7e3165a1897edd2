import type { LabelledQueuePlace, QueuePlace } from "../queue/redis-connection.ts";

/**
 * Returns the queue that holds the jobs of one recipe. A queue's name is a namespace: with a queue
 * for each recipe behind it, a worker takes only jobs that it can do, and the others keep their
 * place. All keys begin as those of a queue `queue` do, so one rule of access covers them.
 */
export function recipeQueuePlace(place: QueuePlace, recipeHash: string): LabelledQueuePlace {
  return {
    ...place,
    queue: recipeQueueName(recipeHash),
    prefix: recipeQueuePrefix(place),
    label: place.queue,
  };
}

/** Twelve hexadecimal digits are enough to distinguish some hundred thousand recipes. */
export function recipeQueueName(recipeHash: string): string {
  return recipeHash.slice(0, 12);
}

/** Returns what the keys of all recipes' queues begin with. */
export function recipeQueuePrefix({
  queue,
  prefix = "bull",
}: Pick<QueuePlace, "queue" | "prefix">): string {
  return `${prefix}:${queue}`;
}
