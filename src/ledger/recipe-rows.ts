import type { Transaction } from "kysely";
import { OrangeryError } from "../errors.ts";
import type { Ledger } from "./ledger.ts";
import { hashRecipe, type Recipe } from "./recipe.ts";
import type { LedgerTables } from "./schema/tables.ts";

/**
 * Lists the recipes of a results database, the oldest first.
 *
 * @throws what `requireAsRecorded` throws
 */
export async function readSavedRecipes(ledger: Ledger): Promise<readonly Recipe[]> {
  const rows = await ledger.read((db) =>
    db.selectFrom("recipe").select(["hash", "name", "recipe as json"]).orderBy("id").execute(),
  );
  return rows.map(({ hash, name, json }) => {
    requireAsRecorded(ledger, { hash, json });
    return { hash, json, ...(name !== null && { name }) };
  });
}

/**
 * Makes sure that a recipe has not been changed in the database: a run that resumes by it would
 * count something else, and nobody would notice.
 *
 * @throws `LEDGER_UNREADABLE`
 */
export function requireAsRecorded(
  { location }: Pick<Ledger, "location">,
  { hash, json }: Pick<Recipe, "hash" | "json">,
): void {
  if (hashRecipe(json) === hash) return;
  throw new OrangeryError(
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
