import type { Kysely } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/** People correct what was found: rows beside the results, and lists of photos to be reviewed. */
export async function addReview(
  db: Kysely<unknown>,
  { idType, keyTextType, rowKeyType }: MigrationDialect,
): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("correction")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("result_id", rowKeyType, (column) => column.notNull().references("result.id"))
    .addColumn("number", "integer", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("object", "text")
    .addColumn("class_id", "integer")
    .addColumn("left_px", "double precision")
    .addColumn("top_px", "double precision")
    .addColumn("right_px", "double precision")
    .addColumn("bottom_px", "double precision")
    .addColumn("region", "integer")
    .addColumn("undone_number", "integer")
    .addColumn("made_by", "text", (column) => column.notNull())
    .addColumn("made_at", "text", (column) => column.notNull())
    .addUniqueConstraint("correction_once", ["result_id", "number"])
    .execute();

  await schema
    .createTable("review")
    .addColumn("result_id", rowKeyType, (column) => column.primaryKey().references("result.id"))
    .addColumn("version", "integer", (column) => column.notNull())
    .addColumn("object_count", "integer", (column) => column.notNull())
    .addColumn("reviewed_by", "text")
    .addColumn("reviewed_at", "text")
    .execute();

  await schema
    .createTable("review_count")
    .addColumn("result_id", rowKeyType, (column) => column.notNull().references("result.id"))
    .addColumn("region", "integer", (column) => column.notNull())
    .addColumn("name", keyTextType, (column) => column.notNull())
    .addColumn("predicted", "integer", (column) => column.notNull())
    .addColumn("confirmed", "integer", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("review_count_key", ["result_id", "region", "name"])
    .execute();

  await schema
    .createTable("review_hold")
    .addColumn("result_id", rowKeyType, (column) => column.primaryKey().references("result.id"))
    .addColumn("held_by", "text", (column) => column.notNull())
    .addColumn("session", "text", (column) => column.notNull())
    .addColumn("until_ms", "bigint", (column) => column.notNull())
    .execute();

  await schema
    .createTable("review_list")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("token", "text", (column) => column.notNull().unique())
    .addColumn("recipe_id", "bigint", (column) => column.notNull().references("recipe.id"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("seed", "bigint")
    .addColumn("size", "integer", (column) => column.notNull())
    .addColumn("filter", "text", (column) => column.notNull())
    .addColumn("photos", "bigint", (column) => column.notNull())
    .addColumn("predicted", "text", (column) => column.notNull())
    .addColumn("made_by", "text", (column) => column.notNull())
    .addColumn("made_at", "text", (column) => column.notNull())
    .execute();

  // Without references: who forgets a photo leaves a gap in a list, which is seen there.
  await schema
    .createTable("review_list_photo")
    .addColumn("list_id", rowKeyType, (column) => column.notNull().references("review_list.id"))
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("photo_id", rowKeyType, (column) => column.notNull())
    .addColumn("result_id", rowKeyType, (column) => column.notNull())
    .addColumn("reason", "double precision")
    .addPrimaryKeyConstraint("review_list_photo_key", ["list_id", "position"])
    .execute();
  await schema
    .createIndex("review_list_photo_photo")
    .on("review_list_photo")
    .column("photo_id")
    .execute();
}
