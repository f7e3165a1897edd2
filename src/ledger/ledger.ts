import type { Kysely, Transaction } from "kysely";
import type { LedgerTables } from "./schema/tables.ts";

export interface AccessOptions {
  /** Ends the waiting for a database that cannot be used at the moment. */
  readonly signal?: AbortSignal | undefined;
}

/** An open results database, SQLite or PostgreSQL: the same tables and views, by the same queries. */
export interface Ledger extends AsyncDisposable {
  /** Absolute path of the results file, or the URL of the server without its password. */
  readonly location: string;
  /** Runs queries; all of them again where the database cannot be used at the moment. */
  read<T>(work: (db: Kysely<LedgerTables>) => Promise<T>, options?: AccessOptions): Promise<T>;
  /**
   * Runs a transaction; all of it again where the database cannot be used at the moment. Where a
   * server goes away during the commit nobody knows whether that took place: what is written has to
   * be the same when it is written twice.
   */
  write<T>(
    work: (transaction: Transaction<LedgerTables>) => Promise<T>,
    options?: AccessOptions,
  ): Promise<T>;
}
