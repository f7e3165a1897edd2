import type { Transaction } from "kysely";
import type { Recipe } from "./recipe.ts";
import type { LedgerTables } from "./schema/tables.ts";

/** The id of a recipe, which is made known if it is not. */
export async function saveRecipe(
  transaction: Transaction<LedgerTables>,
  { hash, json }: Recipe,
): Promise<number> {
  await transaction
    .insertInto("recipe")
    .values({ hash, recipe: json })
    .onConflict((conflict) => conflict.column("hash").doNothing())
    .execute();
  const { id } = await transaction
    .selectFrom("recipe")
    .select("id")
    .where("hash", "=", hash)
    .executeTakeFirstOrThrow();
  return id;
}
