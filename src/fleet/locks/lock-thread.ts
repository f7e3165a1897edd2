/**
 * The thread that renews a worker's locks in Redis over its own connection, so that a task that
 * blocks the event loop keeps its job. It ends with its process, and the locks then expire.
 *
 * It does not load BullMQ again, which would take 0.15 s of CPU for each worker's start.
 */
import { workerData } from "node:worker_threads";
import type { RedisOptions } from "bullmq";
import { Redis } from "ioredis";
import { toConnectionOptions } from "../queue/redis-connection.ts";
import type { LockRenewal } from "./lock-messages.ts";
import { renewLocks, reportLockProblem } from "./renew-locks.ts";

const { lockDurationMs } = workerData;
const { url, ...connection } = toConnectionOptions(workerData.connection) as RedisOptions;
const redis = url === undefined ? new Redis(connection) : new Redis(url, connection);
const { script, keys, lockKey }: LockRenewal = workerData.renewal;

redis.on("error", reportLockProblem);
renewLocks({
  ready: new Promise((resolve) => redis.once("ready", resolve)),
  async renew(locks) {
    const lockKeys = lockKey ? locks.map(({ jobId }) => lockKey.join(jobId)) : [];
    const lost = await redis.eval(
      script,
      keys.length + lockKeys.length,
      ...keys,
      ...lockKeys,
      lockDurationMs,
      ...locks.flatMap(({ jobId, token }) => [jobId, token]),
    );
    return lost as string[];
  },
});
