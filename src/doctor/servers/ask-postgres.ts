import type { PoolClient } from "pg";
import { createPool } from "../../ledger/databases/postgres-dialect.ts";
import { toPostgresLedgerError } from "../../ledger/databases/postgres-error.ts";
import { withoutPassword } from "../../ledger/databases/postgres-ledger.ts";

export interface AskOptions {
  /** How long each step may take. */
  readonly timeoutMs: number;
}

/**
 * Asks a PostgreSQL in a transaction that can only read.
 *
 * @param ask Is given the connection, and the URL without its password.
 * @throws `LEDGER_…`, `PACKAGE_MISSING`, `INVALID_ARGUMENT`
 */
export async function askPostgres<T>(
  url: string,
  { timeoutMs }: AskOptions,
  ask: (client: PoolClient, location: string) => Promise<T>,
): Promise<T> {
  const location = withoutPassword(url);
  const pool = await createPool(url, {
    max: 1,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  try {
    const client = await pool.connect();
    try {
      await client.query("begin transaction read only");
      return await ask(client, location);
    } finally {
      // The transaction ends with its connection.
      client.release(true);
    }
  } catch (error) {
    throw toPostgresLedgerError(error, location);
  } finally {
    await pool.end();
  }
}
