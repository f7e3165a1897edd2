import type { Kysely } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/**
 * The scores of a result lie beside its objects, for questions about thresholds, and objects below
 * the counting threshold have a table of their own. Results of before have neither: their scores
 * are read from their objects.
 */
export async function addScores(
  { schema }: Kysely<unknown>,
  { rowKeyType, bytesType }: MigrationDialect,
): Promise<void> {
  await schema
    .createTable("result_scores")
    .addColumn("result_id", rowKeyType, (column) => column.primaryKey().references("result.id"))
    .addColumn("scores", bytesType, (column) => column.notNull())
    .execute();
  await schema
    .createTable("result_uncounted")
    .addColumn("result_id", rowKeyType, (column) => column.primaryKey().references("result.id"))
    .addColumn("objects", "text", (column) => column.notNull())
    .addColumn("masks", "text")
    .execute();
}
