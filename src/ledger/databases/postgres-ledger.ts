import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import { tryAgain } from "../../base/try-again.ts";
import { OrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { migrations } from "../schema/migrations.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { createPool, postgresMigrationDialect } from "./postgres-dialect.ts";
import { isPassing, toPostgresLedgerError } from "./postgres-error.ts";

export interface PostgresDatabaseOptions {
  /** How long to try again while the server cannot be reached. At least 0, default 30,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Opens what is there: an empty database is refused. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Connections at most. At least 1, default 4. */
  readonly maxConnections?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
}

const version = migrations.length;

/** The key of the lock under which a database is brought up to date: "ORNG". */
const migrationLock = 0x4f524e47;

interface GuardOptions {
  readonly busyTimeoutMs: number;
  readonly logger: Logger;
}

/** Tables in the schema of PostgreSQL that is the first in the connection's search path. */
export class PostgresLedger implements Ledger {
  readonly location: string;
  readonly #db: Kysely<LedgerTables>;
  readonly #options: GuardOptions;
  #closing: Promise<void> | undefined;

  private constructor(location: string, db: Kysely<LedgerTables>, options: GuardOptions) {
    this.location = location;
    this.#db = db;
    this.#options = options;
  }

  /**
   * Opens a database, makes the tables where it is empty, and brings an older schema up to date.
   *
   * @throws `LEDGER_UNREACHABLE`, `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `PACKAGE_MISSING`,
   *   `INVALID_ARGUMENT`
   */
  static async open(url: string, options: PostgresDatabaseOptions = {}): Promise<PostgresLedger> {
    const { busyTimeoutMs = 30_000, maxConnections = 4, logger = silentLogger, signal } = options;
    const location = withoutPassword(url);
    const pool = await createPool(url, { max: maxConnections });
    const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
    const ledger = new PostgresLedger(location, db, { busyTimeoutMs, logger });
    try {
      await ledger.#prepare(options.readOnly ?? false, { signal });
      return ledger;
    } catch (error) {
      await ledger[Symbol.asyncDispose]();
      throw error;
    }
  }

  async read<T>(
    work: (db: Kysely<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    return await this.#guard(() => work(this.#db), signal);
  }

  async write<T>(
    work: (transaction: Transaction<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    return await this.#guard(() => this.#db.transaction().execute(work), signal);
  }

  /** Closes all connections. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#db.destroy();
    return this.#closing;
  }

  async #prepare(readOnly: boolean, options: AccessOptions): Promise<void> {
    const before = await this.read((db) => this.#versionOf(db), options);
    if (before === version) return;
    if (before === 0 && readOnly) {
      throw new OrangeryError(
        "LEDGER_UNREADABLE",
        `Expected a results database, but there are no results at ${this.location}. Check the URL.`,
        { details: { location: this.location } },
      );
    }
    await this.write(async (transaction) => {
      await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(transaction);
      // Another process may have been faster.
      const found = await this.#versionOf(transaction);
      const db = transaction as unknown as Kysely<unknown>;
      for (const migration of migrations.slice(found)) {
        await migration(db, postgresMigrationDialect);
      }
      if (found === 0)
        await sql`create table ledger_version (version integer not null)`.execute(db);
      await sql`delete from ledger_version`.execute(db);
      await sql`insert into ledger_version values (${version})`.execute(db);
    }, options);
  }

  /** The version found; 0 where there is no ledger. */
  async #versionOf(db: Kysely<LedgerTables>): Promise<number> {
    // Asked of a table: `to_regclass` answers out of a cache that another's migration may not have
    // reached yet.
    const table = await sql`
      select 1 from pg_tables
      where schemaname = current_schema() and tablename = 'ledger_version'`.execute(db);
    if (table.rows.length === 0) return 0;
    const { rows } = await sql<{ version: number }>`select version from ledger_version`.execute(db);
    const found = rows[0]?.version ?? 0;
    if (found <= version) return found;
    throw new OrangeryError(
      "LEDGER_NEWER",
      `Expected a results database of version ${version} or older, but ${this.location} is of ` +
        `version ${found}, written by a newer Orangery. Update Orangery or name another database.`,
      { details: { location: this.location, expected: version, came: found } },
    );
  }

  async #guard<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const { busyTimeoutMs: timeoutMs, logger } = this.#options;
    let failures = 0;
    try {
      return await tryAgain({ isPassing, timeoutMs, pauseMs: [20, 1000], signal }, async () => {
        try {
          return await work();
        } catch (error) {
          if (failures++ === 0 && isPassing(error)) {
            const { location } = this;
            logger.warn({ err: error, location }, "The results database failed; trying again");
          }
          throw error;
        }
      });
    } catch (error) {
      throw toPostgresLedgerError(error, this.location);
    }
  }
}

function withoutPassword(text: string): string {
  try {
    const url = new URL(text);
    url.password = "";
    return url.href;
  } catch (cause) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected the URL of a PostgreSQL database, as in postgres://user:password@host/name, and it " +
        "cannot be read. Encode characters such as @ and / in the password.",
      { cause },
    );
  }
}
