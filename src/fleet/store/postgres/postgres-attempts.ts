import type { PostgresPool } from "../../queue/postgres/postgres-pool.ts";
import { queueSchema } from "../../queue/postgres/queue-schema.ts";
import type { AttemptStore } from "../queue-store.ts";

/**
 * BullMQ removes jobs without notice, so rows that outlive their jobs are cleaned up occasionally,
 * on writes.
 */
const sweepPeriodMs = 60_000;

export class PostgresAttempts implements AttemptStore {
  readonly #pool: PostgresPool;
  readonly #queue: string;
  #sweptAt = performance.now();

  constructor(pool: PostgresPool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  async readDeaths(jobId: string): Promise<number> {
    const { rows } = await this.#pool.query<{ marks: number }>(
      `select marks from ${queueSchema}.death where queue = $1 and job = $2`,
      [this.#queue, jobId],
    );
    return rows[0]?.marks ?? 0;
  }

  async writeDeaths(jobId: string, deaths: number): Promise<void> {
    await this.#pool.query(`select ${queueSchema}.mark_deaths($1, $2, $3)`, [
      this.#queue,
      jobId,
      deaths,
    ]);
    if (performance.now() - this.#sweptAt > sweepPeriodMs) await this.#sweep();
  }

  async readPartialWork(jobId: string): Promise<Uint8Array | undefined> {
    const { rows } = await this.#pool.query<{ bytes: Buffer }>(
      `select bytes from ${queueSchema}.partial_work
       where queue = $1 and job = $2 and expires_at > now()`,
      [this.#queue, jobId],
    );
    return rows[0]?.bytes;
  }

  async writePartialWork(jobId: string, bytes: Uint8Array, lifetimeMs: number): Promise<void> {
    await this.#pool.query(
      `insert into ${queueSchema}.partial_work
       values ($1, $2, $3, now() + $4 * interval '1 ms')
       on conflict (queue, job)
       do update set bytes = excluded.bytes, expires_at = excluded.expires_at`,
      [this.#queue, jobId, Buffer.from(bytes), lifetimeMs],
    );
  }

  async removePartialWork(jobId: string): Promise<void> {
    await this.#pool.query(
      `delete from ${queueSchema}.partial_work where queue = $1 and job = $2`,
      [this.#queue, jobId],
    );
  }

  async #sweep(): Promise<void> {
    this.#sweptAt = performance.now();
    await this.#pool.query(
      `delete from ${queueSchema}.death d where queue = $1
       and not exists (select 1 from job where job.queue = d.queue and job.id = d.job)`,
      [this.#queue],
    );
    await this.#pool.query(`delete from ${queueSchema}.partial_work where expires_at < now()`);
  }
}
