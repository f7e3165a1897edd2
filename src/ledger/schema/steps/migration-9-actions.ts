import type { Kysely } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/** What people do to photos and runs is kept, and a recipe can be paused. */
export async function addActions(
  { schema }: Kysely<unknown>,
  { keyTextType }: MigrationDialect,
): Promise<void> {
  await schema.alterTable("recipe").addColumn("paused_at", "text").execute();
  await schema.alterTable("recipe").addColumn("paused_by", "text").execute();
  await schema
    .createTable("action")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("began_at", keyTextType, (column) => column.notNull())
    .addColumn("ended_at", "text")
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("person", "text", (column) => column.notNull())
    .addColumn("via", "text", (column) => column.notNull())
    .addColumn("recipe_hash", "text")
    .addColumn("filter", "text", (column) => column.notNull())
    .addColumn("number", "integer", (column) => column.notNull())
    .execute();
  await schema.createIndex("action_began").on("action").columns(["began_at", "id"]).execute();
}
