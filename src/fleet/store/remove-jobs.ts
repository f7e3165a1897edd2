import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";

/** Removes jobs as BullMQ does; returns how many there were. */
export async function removeJobs(queue: Queue, ids: readonly string[]): Promise<number> {
  const removed = await withQueueErrors(queue, () =>
    Promise.all(ids.map((id) => queue.remove(id))),
  );
  return removed.filter((count) => count > 0).length;
}
