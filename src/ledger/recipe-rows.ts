import type { Transaction } from "kysely";
import type { Recipe } from "./recipe.ts";
import type { LedgerTables } from "./schema/tables.ts";

/** Returns the id of a recipe, and saves the recipe where it is new. */
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
