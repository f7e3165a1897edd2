import type { Worker } from "bullmq";
import { programModule } from "../../base/files/program-file.ts";
import type { Logger } from "../../logger.ts";
import { BullmqLocks, type JobLocks } from "../jobs/job-locks.ts";
import { postgresUrlOf } from "../queue/postgres/postgres-place.ts";
import { type QueuePlace, toPortableConnection } from "../queue/redis-connection.ts";
import { bullmqRenewal } from "./bullmq-renewal.ts";
import { LockKeeper } from "./lock-keeper.ts";
import type { PostgresRenewal } from "./postgres-renewal.ts";

export interface QueueLocksOptions extends QueuePlace {
  readonly lockDurationMs: number;
  readonly maxBlockedMs: number;
  readonly logger: Logger;
}

/** Renews the locks of a worker: from a thread, where the connection can be opened there. */
export function openQueueLocks(worker: Worker, options: QueueLocksOptions): JobLocks {
  const { connection, queue, prefix, lockDurationMs, maxBlockedMs, logger } = options;
  const policy = { lockDurationMs, maxBlockedMs, logger };
  const url = postgresUrlOf(connection);
  if (url !== undefined) {
    const renewal: PostgresRenewal = { url, queue: worker.name };
    const module = programModule("fleet/locks/postgres-lock-thread");
    return new LockKeeper({ ...policy, module, renewal });
  }
  const portable = toPortableConnection(connection);
  if (portable === undefined) return new BullmqLocks(worker);
  return new LockKeeper({
    ...policy,
    connection: portable,
    renewal: bullmqRenewal(queue, prefix),
  });
}
