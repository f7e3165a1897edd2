import { OrangeryError } from "../errors.ts";
import { PostgresDatabase, type PostgresDatabaseOptions } from "./databases/postgres-database.ts";
import { SqliteDatabase } from "./databases/sqlite-database.ts";
import type { LedgerDatabase } from "./ledger-database.ts";

export interface OpenLedgerOptions extends PostgresDatabaseOptions {
  /**
   * How long to try again while another process holds the write lock of the file, or while the server
   * cannot be reached. At least 0, default 30,000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Opens what is there and records nothing. An older schema is brought up to date all the same,
   * which needs the right to write. Default false.
   */
  readonly readOnly?: boolean | undefined;
}

/**
 * Opens a results database: a file by its path, or a PostgreSQL database by its URL
 * (`postgres://…`). Any number of processes may have it open, also while runs are at work.
 *
 * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `LEDGER_UNREACHABLE`, `NO_SPACE`,
 *   `PACKAGE_MISSING`, `INVALID_ARGUMENT`
 */
export async function openLedger(
  location: string,
  options: OpenLedgerOptions = {},
): Promise<LedgerDatabase> {
  const [, scheme] = /^([a-z][a-z0-9+.-]+):\/\//i.exec(location) ?? [];
  if (scheme === undefined) return await SqliteDatabase.open(location, options);
  if (/^postgres(ql)?$/i.test(scheme)) return await PostgresDatabase.open(location, options);
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected the path of a results file or a URL postgres://…, got a URL ${scheme}://….`,
  );
}
