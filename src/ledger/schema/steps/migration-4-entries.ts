import { type Kysely, sql } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/** Of step 3; those that others read come last. */
const oldViews = [
  "throughput_by_hour",
  "failure",
  "count_by_class",
  "count_by_region",
  "count_by_photo",
  "photo_object",
  "photo_result",
];

/**
 * Rows of the worklist become entries, with names of their own for indexes and constraints, and
 * those that were set aside are called failed. Results carry warnings, and photos are found by
 * content.
 */
export async function renameJobsToEntries(
  db: Kysely<unknown>,
  { idType }: MigrationDialect,
): Promise<void> {
  const { schema } = db;
  for (const view of oldViews) await schema.dropView(view).execute();

  await schema
    .createTable("entry")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("photo_id", "bigint", (column) => column.notNull().references("photo.id"))
    .addColumn("recipe_id", "bigint", (column) => column.notNull().references("recipe.id"))
    .addColumn("state", "text", (column) => column.notNull().defaultTo("waiting"))
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("owner", "text")
    .addColumn("begun", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("claimed_sha256", "text")
    .addColumn("result_id", "bigint", (column) => column.references("result.id"))
    .addColumn("reason_code", "text")
    .addColumn("reason_message", "text")
    .addUniqueConstraint("entry_once", ["photo_id", "recipe_id"])
    .execute();
  const kept = sql.raw(
    "photo_id, recipe_id, attempts, owner, begun, claimed_sha256, result_id, " +
      "reason_code, reason_message",
  );
  // New ids, in the old order: only that has a meaning.
  await sql`
    insert into entry (${kept}, state)
    select ${kept}, case state when 'set-aside' then 'failed' else state end
    from job order by id`.execute(db);
  await schema.dropTable("job").execute();

  // Partial indexes keep what is looked for small: done entries, the great majority, are in none.
  await schema
    .createIndex("entry_waiting")
    .on("entry")
    .columns(["recipe_id", "attempts", "id"])
    .where(sql.ref("state"), "=", sql.lit("waiting"))
    .execute();
  await schema
    .createIndex("entry_owned")
    .on("entry")
    .column("owner")
    .where(sql.ref("owner"), "is not", null)
    .execute();
  await schema
    .createIndex("entry_claim")
    .unique()
    .on("entry")
    .columns(["recipe_id", "claimed_sha256"])
    .where(sql.ref("claimed_sha256"), "is not", null)
    .execute();

  await schema
    .alterTable("result")
    .addColumn("warnings", "text", (column) => column.notNull().defaultTo("[]"))
    .execute();
  await schema.createIndex("photo_content").on("photo").column("content_sha256").execute();
}
