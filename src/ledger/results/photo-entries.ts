import type { Ledger } from "../ledger.ts";
import { type Reason, reasonOf } from "../photos/entry-rows.ts";
import type { EntryState } from "../schema/tables.ts";

/** What is recorded of a photo under one recipe. */
export interface PhotoEntry {
  readonly recipeHash: string;
  readonly state: EntryState;
  readonly reason: Reason | undefined;
  /** Undefined unless it is done. */
  readonly objectCount: number | undefined;
  /** ISO 8601, UTC. */
  readonly createdAt: string | undefined;
}

/** Reads what is recorded of a photo, under each of its recipes. */
export async function readPhotoEntries(ledger: Ledger, source: string): Promise<PhotoEntry[]> {
  const rows = await ledger.read((db) =>
    db
      .selectFrom("photo")
      .innerJoin("entry", "entry.photo_id", "photo.id")
      .innerJoin("recipe", "recipe.id", "entry.recipe_id")
      .leftJoin("result", "result.id", "entry.result_id")
      .select(["recipe.hash", "entry.state", "entry.reason_code", "entry.reason_message"])
      .select(["result.object_count", "result.created_at"])
      .where("photo.source", "=", source)
      .orderBy("entry.recipe_id")
      .execute(),
  );
  return rows.map((row) => ({
    recipeHash: row.hash,
    state: row.state,
    reason: reasonOf(row),
    objectCount: row.object_count ?? undefined,
    createdAt: row.created_at ?? undefined,
  }));
}
