import type { Queue } from "bullmq";
import { withQueueErrors } from "../queue/queue-errors.ts";
import type { JobQueue } from "../recipes/fleet-queues.ts";

/**
 * Lets workers take no more jobs of these queues. What they have taken goes on, and jobs may be
 * added. It lasts until {@link resumeQueues}, whatever is restarted.
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
