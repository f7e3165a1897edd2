import type { Queue } from "bullmq";
import { postgresQueueName } from "../../queue/postgres/postgres-place.ts";
import type { PostgresPool } from "../../queue/postgres/postgres-pool.ts";
import type { QueueCounts, QueueStore } from "../queue-store.ts";
import { PostgresAttempts } from "./postgres-attempts.ts";
import { PostgresCatalogue } from "./postgres-catalogue.ts";
import { PostgresJobs } from "./postgres-jobs.ts";
import { PostgresWorkers } from "./postgres-workers.ts";

/** The store of a queue in PostgreSQL, in the schema `orangery_queue`. */
export class PostgresStore implements QueueStore {
  readonly jobs: PostgresJobs;
  readonly attempts: PostgresAttempts;
  readonly catalogue: PostgresCatalogue;
  readonly workers: PostgresWorkers;
  readonly #pool: PostgresPool;
  readonly #queue: string;

  constructor(pool: PostgresPool, queue: Queue) {
    const { name } = queue;
    this.#pool = pool;
    this.#queue = name;
    this.jobs = new PostgresJobs(pool, queue);
    this.attempts = new PostgresAttempts(pool, name);
    this.catalogue = new PostgresCatalogue(pool, name);
    this.workers = new PostgresWorkers(pool, name);
  }

  async ping(): Promise<void> {
    await this.#pool.query("select 1");
  }

  async warnOfLosses(): Promise<void> {}

  async depth(behind?: string): Promise<QueueCounts> {
    const { rows } = await this.#pool.query(
      `select
         count(*) filter (where state = 'waiting') as waiting,
         count(*) filter (where state = 'active') as active,
         count(*) filter (where state = 'delayed') as delayed,
         count(*) filter (where state = 'failed') as failed,
         (select min(added_at_ms) from (
           select added_at_ms from job where queue = $1 and state = 'waiting'
           order by priority, seq limit 20) as next) as oldest,
         coalesce((select count from metrics where queue = $1 and kind = 'completed'), 0)
           as succeeded,
         coalesce((select count from metrics where queue = $1 and kind = 'failed'), 0) as failures,
         exists (select 1 from meta where queue = $1 and field = 'paused' and value = '1')
           as is_paused
       from job where queue = $1 and state in ('waiting', 'active', 'delayed', 'failed')`,
      [this.#nameOf(behind)],
    );
    const { waiting, active, delayed, failed, oldest, succeeded, failures, is_paused } = rows[0];
    return {
      waiting,
      active,
      delayed,
      failed,
      oldestWaitingMs: oldest === null ? 0 : Math.max(0, Date.now() - oldest),
      ended: { succeeded, failed: failures },
      isPaused: is_paused,
    };
  }

  async hasWork(behind: string): Promise<boolean> {
    const { rows } = await this.#pool.query<{ has: boolean }>(
      // Separate queries, each answered by an index.
      `select ${["waiting", "active", "delayed"]
        .map((state) => `exists (select 1 from job where queue = $1 and state = '${state}')`)
        .join(" or ")} as has`,
      [this.#nameOf(behind)],
    );
    return rows[0]?.has ?? false;
  }

  #nameOf(behind: string | undefined): string {
    return behind === undefined
      ? this.#queue
      : postgresQueueName({ prefix: `bull:${this.#queue}`, queue: behind });
  }
}
