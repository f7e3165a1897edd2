import type { PostgresPool } from "../../queue/postgres/postgres-pool.ts";
import { queueSchema } from "../../queue/postgres/queue-schema.ts";
import type { CatalogueStore, QueueResults } from "../queue-store.ts";

export class PostgresCatalogue implements CatalogueStore {
  readonly #pool: PostgresPool;
  readonly #queue: string;

  constructor(pool: PostgresPool, queue: string) {
    this.#pool = pool;
    this.#queue = queue;
  }

  async recipes(): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.#pool.query<{ hash: string; json: string }>(
      `select hash, json from ${queueSchema}.recipe where queue = $1`,
      [this.#queue],
    );
    return new Map(rows.map(({ hash, json }) => [hash, json]));
  }

  async addRecipe(hash: string, json: string): Promise<void> {
    await this.#pool.query(
      `insert into ${queueSchema}.recipe values ($1, $2, $3)
       on conflict (queue, hash) do update set json = excluded.json`,
      [this.#queue, hash, json],
    );
  }

  async results(): Promise<QueueResults | undefined> {
    const { rows } = await this.#pool.query<QueueResults>(
      `select location, identity from ${queueSchema}.results where queue = $1`,
      [this.#queue],
    );
    return rows[0];
  }

  async claimResults(results: QueueResults): Promise<QueueResults> {
    await this.#pool.query(
      `insert into ${queueSchema}.results values ($1, $2, $3) on conflict (queue) do nothing`,
      [this.#queue, results.location, results.identity],
    );
    return (await this.results()) ?? results;
  }

  async writeResults({ location, identity }: QueueResults): Promise<void> {
    await this.#pool.query(
      `insert into ${queueSchema}.results values ($1, $2, $3)
       on conflict (queue)
       do update set location = excluded.location, identity = excluded.identity`,
      [this.#queue, location, identity],
    );
  }
}
