import type { Queue, Worker } from "bullmq";
import { postgresPoolOf } from "../queue/postgres/postgres-backend.ts";
import { PostgresStore } from "./postgres/postgres-store.ts";
import type { QueueStore } from "./queue-store.ts";
import { RedisStore } from "./redis/redis-store.ts";

const stores = new WeakMap<Queue | Worker, QueueStore>();

/** Returns the store of a queue, on the server of its jobs. */
export function storeOf(queue: Queue | Worker): QueueStore {
  let store = stores.get(queue);
  if (store === undefined) {
    const pool = postgresPoolOf(queue.getBackend());
    store = pool === undefined ? new RedisStore(queue) : new PostgresStore(pool, queue as Queue);
    stores.set(queue, store);
  }
  return store;
}
