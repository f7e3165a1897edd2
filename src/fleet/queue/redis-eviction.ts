import type { Worker } from "bullmq";
import type { Logger } from "../../logger.ts";

/** Warns of a Redis that may throw away jobs when its memory is full. */
export async function warnOfEviction(worker: Worker, logger: Logger): Promise<void> {
  const client = await worker.getBackend().client;
  const policy = /^maxmemory_policy:(\S+)/m.exec(await client.info())?.[1];
  if (policy === undefined || policy === "noeviction") return;
  logger.warn({ policy }, "this Redis may evict jobs: set maxmemory-policy to noeviction");
}
