import type { Queue } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import { withQueueErrors } from "../queue/queue-errors.ts";

/**
 * Refuses a queue whose next job is for another recipe: with two recipes in one queue, the workers
 * of each would fail the jobs of the other.
 *
 * @throws `JOB_OTHER_RECIPE`, `QUEUE_…`
 */
export async function refuseOtherRecipe(queue: Queue, recipe: string): Promise<void> {
  for (const state of ["waiting", "active", "delayed"] as const) {
    const [job] = await withQueueErrors(queue, () => queue.getJobs([state], 0, 0));
    const came: unknown = job?.data?.recipe;
    if (came !== undefined && came !== recipe) throw otherRecipe({ expected: recipe, came });
  }
}

/** The failure for a job of another recipe than the one expected. */
export function otherRecipe(details: { expected: string; came: unknown }): OrangeryError {
  const { expected, came } = details;
  return new OrangeryError(
    "JOB_OTHER_RECIPE",
    `Expected jobs for the recipe ${expected} in this queue, got one for ${came}: ` +
      "it was added with other models or options. Start workers with the options of " +
      "`orangery enqueue`, and give every recipe a queue of its own.",
    { details },
  );
}
