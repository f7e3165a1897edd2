import { type QueueBase, RedisConnection } from "bullmq";
import { settlesWithin } from "../../base/abort.ts";
import type { OrangeryError } from "../../errors.ts";
import { toQueueError } from "./queue-errors.ts";
import { isClient, type QueuePlace, toConnectionOptions } from "./redis-connection.ts";

/**
 * Sends a request that fails like a queue's own requests but changes nothing: a script with two
 * keys, which reveals missing rights and keys on several nodes of a cluster.
 */
export async function probeQueue(queue: QueueBase): Promise<void> {
  await queue.getBackend().isMaxed();
}

/** How long the answer may take. */
const timeoutMs = 2_000;

/**
 * Finds out why a Redis does not become ready. ioredis sends no requests to a Redis that is loading
 * its data, and reports nothing, so this connection skips its ready check.
 */
export async function whyNotReady({
  connection,
  queue,
}: QueuePlace): Promise<OrangeryError | undefined> {
  if (isClient(connection)) return undefined;
  const options = { ...toConnectionOptions(connection), enableReadyCheck: false };
  const asking = new RedisConnection(
    { ...options, retryStrategy: () => null },
    { skipVersionCheck: true, skipWaitingForReady: true, blocking: false },
  );
  asking.on("error", () => {});
  try {
    const client = await asking.client;
    const answer = client.get(`orangery:${queue}`);
    if (await settlesWithin(answer, timeoutMs)) await answer;
    return undefined;
  } catch (error) {
    return toQueueError(error, queue);
  } finally {
    await asking.close(true);
  }
}
