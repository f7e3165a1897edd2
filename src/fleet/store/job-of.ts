import { Job, type Queue } from "bullmq";

/** A job for a request that needs no more than its id. */
export function jobOf(queue: Queue, id: string): Job {
  return new Job(queue, "", undefined, {}, id);
}
