import type { Kysely, Transaction } from "kysely";
import type { LedgerTables } from "./schema/tables.ts";

/** How long to wait for the database. */
export interface AccessOptions {
  /** Ends the wait for a database that is currently unusable. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * An open results database, SQLite or PostgreSQL. Both have the same tables and views and take the
 * same queries.
 */
export interface Ledger extends AsyncDisposable {
  /** Absolute path of the results file, or the URL of the server without its password. */
  readonly location: string;
  /** Whether a long query blocks this process, because there is no server to run it. */
  readonly isInProcess: boolean;
  /** Returns the database's own UUID, the same whatever path or URL leads to it. */
  identity(options?: AccessOptions): Promise<string>;
  /** Runs queries, and repeats all of them while the database cannot be used. */
  read<T>(work: (db: Kysely<LedgerTables>) => Promise<T>, options?: AccessOptions): Promise<T>;
  /**
   * Runs a transaction, and repeats all of it while the database cannot be used. If a server goes
   * down during the commit, nobody knows whether it took place: so the transaction has to be
   * idempotent.
   */
  write<T>(
    work: (transaction: Transaction<LedgerTables>) => Promise<T>,
    options?: AccessOptions,
  ): Promise<T>;
}
