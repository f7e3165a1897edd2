import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";

/**
 * Stops workers from taking more jobs of these queues. Jobs in progress continue, and jobs may be
 * added. Lasts until {@link resumeQueues}, across restarts.
 *
 * @throws `QUEUE_…`
 */
export async function pauseQueues(queues: readonly JobQueue[]): Promise<void> {
  await each(queues, (queue) => queue.pause());
}

/** @throws `QUEUE_…` */
export async function resumeQueues(queues: readonly JobQueue[]): Promise<void> {
  await each(queues, (queue) => queue.resume());
}

async function each(queues: readonly JobQueue[], change: (queue: Queue) => Promise<void>) {
  await Promise.all(queues.map(({ queue }) => withQueueErrors(queue, () => change(queue))));
}
