import { hash as hashOf } from "node:crypto";
import type { Transaction } from "kysely";
import { OrangeryError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";
import type { Recipe } from "./recipe.ts";
import type { LedgerTables } from "./schema/tables.ts";

/**
 * Lists the recipes of a results database, the oldest first.
 *
 * @throws `LEDGER_UNREADABLE` where one is not as it was recorded: what goes on by it would count
 *   otherwise, and nobody would notice.
 */
export async function readSavedRecipes(ledger: Ledger): Promise<readonly Recipe[]> {
  const rows = await ledger.read((db) =>
    db.selectFrom("recipe").select(["hash", "name", "recipe as json"]).orderBy("id").execute(),
  );
  return rows.map(({ hash, name, json }) => {
    if (hashOf("sha256", json) !== hash) throw changedRecipe(ledger.location, hash);
    return { hash, json, ...(name !== null && { name }) };
  });
}

function changedRecipe(location: string, hash: string): OrangeryError {
  return new OrangeryError(
    "LEDGER_UNREADABLE",
    `Expected the recipe ${hash.slice(0, 12)} in ${location} as it was recorded, got other ` +
      "contents. The results are damaged: restore them from a copy, or count into another file.",
    { details: { location, recipe: hash } },
  );
}

/** Returns the id of a recipe, and saves the recipe where it is new, or its name where that is. */
export async function saveRecipe(
  transaction: Transaction<LedgerTables>,
  { hash, json, name }: Recipe,
): Promise<number> {
  await transaction
    .insertInto("recipe")
    .values({ hash, recipe: json, name: name ?? null })
    .onConflict((conflict) => {
      const known = conflict.column("hash");
      if (name === undefined) return known.doNothing();
      return known.doUpdateSet({ name }).where("recipe.name", "is distinct from", name);
    })
    .execute();
  const { id } = await transaction
    .selectFrom("recipe")
    .select("id")
    .where("hash", "=", hash)
    .executeTakeFirstOrThrow();
  return id;
}
