import type { PostgresPool } from "../../queue/postgres/postgres-pool.ts";
import { queueSchema } from "../../queue/postgres/queue-schema.ts";
import type { WorkerEntryOptions, WorkerStore } from "../queue-store.ts";

export class PostgresWorkers implements WorkerStore {
  readonly #pool: PostgresPool;
  readonly #queue: string;

  constructor(pool: PostgresPool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  async write(
    field: string,
    status: string,
    { lifetimeMs }: Pick<WorkerEntryOptions, "lifetimeMs">,
  ): Promise<void> {
    await this.#pool.query(`select ${queueSchema}.write_worker($1, $2, $3, $4)`, [
      this.#queue,
      field,
      status,
      lifetimeMs,
    ]);
  }

  /** Removes those that were killed, too. */
  async remove(field: string): Promise<void> {
    await this.#pool.query(
      `delete from ${queueSchema}.worker where queue = $1 and (field = $2 or expires_at < now())`,
      [this.#queue, field],
    );
  }

  async read(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ status: string }>(
      `select status from ${queueSchema}.worker where queue = $1 and expires_at > now()
        and field not like 'wish:%'`,
      [this.#queue],
    );
    return rows.map(({ status }) => status);
  }

  async leaveRequest(field: string, request: string, lifetimeMs: number): Promise<void> {
    await this.write(`wish:${field}`, request, { lifetimeMs });
  }

  async takeRequest(field: string): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ status: string; is_old: boolean }>(
      `delete from ${queueSchema}.worker where queue = $1 and field = $2
       returning status, expires_at < now() as is_old`,
      [this.#queue, `wish:${field}`],
    );
    return rows.find(({ is_old }) => !is_old)?.status;
  }
}
