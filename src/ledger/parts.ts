/** Helpers for scanning a table in parts, so that no query takes long. */
import { type Kysely, sql } from "kysely";
import type { LedgerTables } from "./schema/tables.ts";

/** Returns the last id of a table; 0 where it is empty. */
export async function lastIdOf(
  db: Kysely<LedgerTables>,
  table: "entry" | "photo" | "result",
): Promise<number> {
  const { rows } = await sql<{ id: number | null }>`
    select max(id) as id from ${sql.table(table)}`.execute(db);
  return rows[0]?.id ?? 0;
}

/** How many rows one query looks at, and what makes it quick or slow. */
export interface PartSizes {
  readonly least: number;
  readonly most: number;
  readonly quickMs: number;
  readonly slowMs: number;
}

/** Returns the size of the next part: more rows where queries are quick, fewer where slow. */
export function nextPartSize(
  size: number,
  ms: number,
  { least, most, quickMs, slowMs }: PartSizes,
): number {
  if (ms < quickMs) return Math.min(most, 2 * size);
  return ms > slowMs ? Math.max(least, size >> 1) : size;
}
