/**
 * The thread in which a worker's locks are renewed, with a connection of its own, so that a task
 * that blocks the event loop keeps its job. It ends with its process, and the locks then expire.
 */
import { parentPort, workerData } from "node:worker_threads";
import { Queue } from "bullmq";
import type { HeldLock } from "../jobs/job-locks.ts";
import { toConnectionOptions } from "../queue/redis-connection.ts";
import type { LockMessage, LockOrder, LockThreadData } from "./lock-messages.ts";

const data: LockThreadData = workerData;
const heartbeat = new Int32Array(data.heartbeat);
const held = new Map<string, HeldLock>();
const queue = new Queue(data.queue, {
  connection: toConnectionOptions(data.connection),
  ...(data.prefix !== undefined && { prefix: data.prefix }),
  skipMetasUpdate: true,
  skipVersionCheck: true,
});
let lastBeat = Atomics.load(heartbeat, 0);
let lastBeatAt = performance.now();
let isRenewing = false;

const keyOf = ({ jobId, token }: HeldLock) => `${jobId}\n${token}`;
const send = (message: LockMessage) => parentPort?.postMessage(message);

// A third of the duration: two renewals may fail before a lock is lost.
setInterval(() => {
  renew().catch((error: unknown) => send({ failed: String(error) }));
}, data.lockDurationMs / 3);
queue.on("error", (error) => send({ failed: String(error) }));
parentPort?.on("message", (order: LockOrder) => {
  if ("hold" in order) held.set(keyOf(order.hold), order.hold);
  else held.delete(keyOf(order.release));
});
await queue.waitUntilReady();
send({ ready: true });

async function renew(): Promise<void> {
  // While Redis is away, one renewal waits for it.
  if (isRenewing || held.size === 0 || !isMainThreadAlive()) return;
  isRenewing = true;
  try {
    const locks = [...held.values()];
    const lost = await queue.getBackend().extendLocks(
      locks.map(({ jobId }) => jobId),
      locks.map(({ token }) => token),
      data.lockDurationMs,
    );
    for (const lock of locks) {
      // One that was released while the answer was on its way has ended in order.
      if (lost.includes(lock.jobId) && held.delete(keyOf(lock))) send({ lost: lock });
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
