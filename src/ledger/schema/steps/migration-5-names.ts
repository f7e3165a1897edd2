import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";

/**
 * Recipes have names, and a database has an identity: a queue knows by it where its results go,
 * whatever path or URL leads there.
 */
export async function nameRecipes(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("recipe").addColumn("name", "text").execute();
  await db.schema
    .createTable("identity")
    .addColumn("id", "text", (column) => column.notNull())
    .execute();
  await sql`insert into identity values (${randomUUID()})`.execute(db);
}
