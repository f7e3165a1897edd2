import type { Insertable, Transaction } from "kysely";
import type { LedgerTables } from "./tables.ts";

/** Fewer than a statement of SQLite (32,766) and of PostgreSQL (65,535) may have. */
const maxParameters = 30_000;

/** How many rows of `columns` values each fit into one statement. */
function rowsPerStatement(columns: number): number {
  return Math.max(1, Math.floor(maxParameters / columns));
}

/** Cuts a list into parts that one statement can take, with `columns` values for each item. */
export function* inStatements<T>(items: readonly T[], columns: number): Generator<readonly T[]> {
  const size = rowsPerStatement(columns);
  for (let start = 0; start < items.length; start += size) {
    yield items.length <= size ? items : items.slice(start, start + size);
  }
}

/** Inserts any number of rows, in as few statements as the databases allow. */
export async function insertRows<Table extends keyof LedgerTables>(
  transaction: Transaction<LedgerTables>,
  table: Table,
  rows: readonly Insertable<LedgerTables[Table]>[],
): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).length;
  for (const part of inStatements(rows, columns)) {
    await transaction.insertInto(table).values(part).execute();
  }
}
