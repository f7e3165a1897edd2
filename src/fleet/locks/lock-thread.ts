/**
 * The thread in which a worker's locks are renewed, with a connection of its own, so that a task
 * that blocks the event loop keeps its job. It ends with its process, and the locks then expire.
 *
 * It does so without the queue's library, which a second time would take 0.15 s of a CPU for each
 * worker's start.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { RedisOptions } from "bullmq";
import { Redis } from "ioredis";
import type { HeldLock } from "../jobs/job-locks.ts";
import { toConnectionOptions } from "../queue/redis-connection.ts";
import type { LockMessage, LockOrder, LockThreadData } from "./lock-messages.ts";

const data: LockThreadData = workerData;
const heartbeat = new Int32Array(data.heartbeat);
const held = new Map<string, HeldLock>();
const { url, ...connection } = toConnectionOptions(data.connection) as RedisOptions;
const redis = url === undefined ? new Redis(connection) : new Redis(url, connection);
const { script, keys, lockKey } = data.renewal;

let lastBeat = Atomics.load(heartbeat, 0);
let lastBeatAt = performance.now();
let isRenewing = false;

const nameOf = ({ jobId, token }: HeldLock) => `${jobId}\n${token}`;
const send = (message: LockMessage) => parentPort?.postMessage(message);

// A third of the duration: two renewals may fail before a lock is lost.
setInterval(() => {
  renew().catch((error: unknown) => send({ failed: String(error) }));
}, data.lockDurationMs / 3);
redis.on("error", (error) => send({ failed: String(error) }));
parentPort?.on("message", (order: LockOrder) => {
  if ("hold" in order) held.set(nameOf(order.hold), order.hold);
  else held.delete(nameOf(order.release));
});
redis.once("ready", () => send({ ready: true }));

async function renew(): Promise<void> {
  // While Redis is away, one renewal waits for it.
  if (isRenewing || held.size === 0 || !isMainThreadAlive()) return;
  isRenewing = true;
  try {
    const locks = [...held.values()];
    const lockKeys = lockKey ? locks.map(({ jobId }) => lockKey.join(jobId)) : [];
    const lost = (await redis.eval(
      script,
      keys.length + lockKeys.length,
      ...keys,
      ...lockKeys,
      data.lockDurationMs,
      ...locks.flatMap(({ jobId, token }) => [jobId, token]),
    )) as string[];
    for (const lock of locks) {
      // One that was released while the answer was on its way has ended in order.
      if (lost.includes(lock.jobId) && held.delete(nameOf(lock))) send({ lost: lock });
    }
  } finally {
    isRenewing = false;
  }
}

/** A process that hangs for good must lose its jobs, or they would never be done. */
function isMainThreadAlive(): boolean {
  const beat = Atomics.load(heartbeat, 0);
  if (beat !== lastBeat) {
    lastBeat = beat;
    lastBeatAt = performance.now();
  }
  return performance.now() - lastBeatAt < data.maxBlockedMs;
}
