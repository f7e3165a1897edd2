/**
 * The thread in which a worker's locks are renewed, with a connection of its own, so that a task
 * that blocks the event loop keeps its job. It ends with its process, and the locks then expire.
 *
 * It renews them as BullMQ does, and without BullMQ, which a second time would take 0.15 s of a CPU
 * for each worker's start.
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
const keyOf = (name: string) => `${data.prefix ?? "bull"}:${data.queue}:${name}`;

/** KEYS: the stalled jobs, the locks. ARGV: the duration, then the job and the token of each. */
const renewLocks = `
local lost = {}
for i = 2, #KEYS do
  local job, token = ARGV[2 * i - 2], ARGV[2 * i - 1]
  if redis.call("GET", KEYS[i]) == token then
    redis.call("SET", KEYS[i], token, "PX", ARGV[1])
    redis.call("SREM", KEYS[1], job)
  else
    lost[#lost + 1] = job
  end
end
return lost
`;

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
    const lost = (await redis.eval(
      renewLocks,
      1 + locks.length,
      keyOf("stalled"),
      ...locks.map(({ jobId }) => keyOf(`${jobId}:lock`)),
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
