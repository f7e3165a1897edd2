import type { Queue, Worker } from "bullmq";
import { withQueueErrors } from "../../queue/queue-errors.ts";

/** A Lua script on the keys of one queue. */
export interface QueueScript {
  readonly name: string;
  readonly lua: string;
  /** The keys, by BullMQ's names for them. */
  readonly keys: readonly string[];
}

/** @throws `QUEUE_…` */
export async function runScript<Result>(
  queue: Queue | Worker,
  { name, lua, keys }: QueueScript,
  args: readonly (string | number)[],
): Promise<Result> {
  return await withQueueErrors(queue, async () => {
    const client = await queue.getBackend().client;
    client.defineCommand(name, { numberOfKeys: keys.length, lua });
    return await client.runCommand(name, [...keys.map((key) => queue.toKey(key)), ...args]);
  });
}
