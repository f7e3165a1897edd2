import { type Kysely, sql } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/** The first tables. Regions were called beds then. */
export async function createTables(
  db: Kysely<unknown>,
  { idType, keyTextType }: MigrationDialect,
): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("recipe")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("hash", "text", (column) => column.notNull().unique())
    .addColumn("recipe", "text", (column) => column.notNull())
    .execute();

  await schema
    .createTable("photo")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("source", keyTextType, (column) => column.notNull().unique())
    .addColumn("size_bytes", "bigint", (column) => column.notNull())
    .addColumn("mtime_us", "bigint", (column) => column.notNull())
    .addColumn("content_sha256", "text")
    .execute();

  await schema
    .createTable("placement")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("device", "text", (column) => column.notNull())
    .addColumn("fallback_reason", "text", (column) => column.notNull())
    .addUniqueConstraint("placement_once", ["device", "fallback_reason"])
    .execute();

  await schema
    .createTable("result")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("content_sha256", "text", (column) => column.notNull())
    .addColumn("recipe_id", "bigint", (column) => column.notNull().references("recipe.id"))
    .addColumn("width_px", "integer", (column) => column.notNull())
    .addColumn("height_px", "integer", (column) => column.notNull())
    .addColumn("object_count", "integer", (column) => column.notNull())
    .addColumn("bed_count", "integer")
    .addColumn("placement_id", "bigint", (column) => column.notNull().references("placement.id"))
    .addColumn("timings_ms", "text", (column) => column.notNull())
    .addColumn("created_at", "text", (column) => column.notNull())
    .addUniqueConstraint("result_once", ["content_sha256", "recipe_id"])
    .execute();

  await schema
    .createTable("result_detections")
    .addColumn("result_id", "bigint", (column) => column.notNull().references("result.id"))
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("names", "text", (column) => column.notNull())
    .addColumn("objects", "text", (column) => column.notNull())
    .addColumn("masks", "text")
    .addPrimaryKeyConstraint("result_detections_key", ["result_id", "role"])
    .execute();

  await schema
    .createTable("result_count")
    .addColumn("result_id", "bigint", (column) => column.notNull().references("result.id"))
    .addColumn("bed", "integer", (column) => column.notNull())
    .addColumn("name", keyTextType, (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("result_count_key", ["result_id", "bed", "name"])
    .execute();

  await schema
    .createTable("job")
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
    .addUniqueConstraint("job_once", ["photo_id", "recipe_id"])
    .execute();

  // Partial indexes keep what is looked for small: done jobs, the great majority, are in none.
  await schema
    .createIndex("job_waiting")
    .on("job")
    .columns(["recipe_id", "attempts", "id"])
    .where(sql.ref("state"), "=", sql.lit("waiting"))
    .execute();
  await schema
    .createIndex("job_owned")
    .on("job")
    .column("owner")
    .where(sql.ref("owner"), "is not", null)
    .execute();
  await schema
    .createIndex("job_claim")
    .unique()
    .on("job")
    .columns(["recipe_id", "claimed_sha256"])
    .where(sql.ref("claimed_sha256"), "is not", null)
    .execute();

  await schema
    .createTable("owner")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("host", "text", (column) => column.notNull())
    .addColumn("pid", "integer", (column) => column.notNull())
    .addColumn("process_start", "text", (column) => column.notNull())
    .addColumn("expires_at_ms", "bigint", (column) => column.notNull())
    .execute();

  await schema
    .createTable("picture")
    .addColumn("file", keyTextType, (column) => column.primaryKey())
    .addColumn("result_id", "bigint", (column) => column.notNull().references("result.id"))
    .execute();

  await sql`
    create view photo_result as
    select photo.source, job.state, job.attempts, job.reason_code, job.reason_message,
           recipe.hash as recipe_hash, photo.content_sha256, result.id as result_id,
           result.width_px, result.height_px, result.object_count, result.bed_count,
           placement.device, result.created_at
    from job
    join photo on photo.id = job.photo_id
    join recipe on recipe.id = job.recipe_id
    left join result on result.id = job.result_id
    left join placement on placement.id = result.placement_id`.execute(db);
}
