import type { Pool, PoolClient } from "pg";
import { bullmqSchema, prepareSchema } from "./queue-schema.ts";
import { refusePooler } from "./refuse-pooler.ts";

export interface PostgresPoolOptions {
  readonly url: string;
  /** Whether the tables are made where there are none. */
  readonly isMade: boolean;
  /** Whether a connection is kept for notifications. */
  readonly isListening: boolean;
}

/** The most concurrent requests; listening connections are separate. */
const requestConnections = 3;

/** By URL and whether tables are made. */
const open = new Map<string, SharedPool>();

/** The connections of a process to one database, for all its queues. */
export class SharedPool {
  readonly #key: string;
  readonly #url: string;
  readonly #isMade: boolean;
  readonly #prepared = new WeakSet<PoolClient>();
  #pool: Promise<Pool> | undefined;
  #users = 0;
  #listeners = 0;
  #isSchemaKnown = false;

  private constructor(key: string, { url, isMade }: PostgresPoolOptions) {
    this.#key = key;
    this.#url = url;
    this.#isMade = isMade;
  }

  /** Returns the pool of a database; to be released. */
  static of(options: PostgresPoolOptions): SharedPool {
    const key = `${options.isMade} ${options.url}`;
    const pool = open.get(key) ?? new SharedPool(key, options);
    open.set(key, pool);
    pool.#users++;
    if (options.isListening) pool.#listeners++;
    return pool;
  }

  async connect(): Promise<PoolClient> {
    this.#pool ??= this.#create();
    const pool = await this.#pool;
    pool.options.max = requestConnections + this.#listeners;
    const client = await pool.connect();
    try {
      if (!this.#prepared.has(client)) {
        await client.query(`set search_path = ${bullmqSchema}`);
        this.#prepared.add(client);
      }
      if (!this.#isSchemaKnown) {
        await refusePooler(client, () => pool.connect());
        await prepareSchema(client, { isMade: this.#isMade });
        this.#isSchemaKnown = true;
      }
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  forgetSchema(): void {
    this.#isSchemaKnown = false;
  }

  async release({ isListening }: Pick<PostgresPoolOptions, "isListening">): Promise<void> {
    if (isListening) this.#listeners--;
    this.#users--;
    if (this.#users > 0) return;
    open.delete(this.#key);
    await (await this.#pool)?.end();
  }

  async #create(): Promise<Pool> {
    // Imported late: a queue in Redis needs neither `pg` nor SQL.
    const { createPool } = await import("../../../ledger/databases/postgres-dialect.ts");
    return await createPool(this.#url, { max: requestConnections, application_name: "orangery" });
  }
}
