import type { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import { type FleetStatus, readFleetStatus } from "../../../fleet/recipes/fleet-status.ts";

/**
 * Describes a queue of which the server knows nothing, since its name may be wrong; "" for others.
 *
 * @throws `QUEUE_…`
 */
export async function describeIfUnknown(queues: FleetQueues): Promise<string> {
  const status = await queues.base.within(readFleetStatus(queues));
  return isUnknown(status) ? describeUnknown(status) : "";
}

/** Whether the server knows nothing of a queue. */
export function isUnknown({ recipes, workers, isPaused, ...counts }: FleetStatus): boolean {
  const { waiting, active, delayed, failed, done } = counts;
  const known = recipes.length + workers.length + waiting + active + delayed + failed + done;
  return known === 0 && !isPaused;
}

/** Two lines. */
export function describeUnknown({ queue }: Pick<FleetStatus, "queue">): string {
  return (
    `There is no queue ${queue} yet: it has no jobs, recipes or workers.\n` +
    "Add photos with `orangery enqueue`, or check its name (--queue).\n"
  );
}
