import type { AccessOptions, Ledger } from "../ledger.ts";
import type { EntryState } from "../schema/tables.ts";
import { readLastEntryId } from "./progress.ts";

/** Entries that one query looks at. */
const entriesPerQuery = 100_000;
/** More than these are no longer few. */
const most = 2_000;

/**
 * Returns the photos of a recipe in a state, where they are few; undefined where they are many.
 * That a few of 600,000 photos have failed is seen at once of their entries, and in pages of all
 * photos only after seconds.
 */
export async function readRarePhotoIds(
  ledger: Ledger,
  {
    recipeId,
    state,
    signal,
  }: AccessOptions & { readonly recipeId: number; readonly state: EntryState },
): Promise<readonly number[] | undefined> {
  const photoIds: number[] = [];
  const lastId = await readLastEntryId(ledger, { signal });
  for (let fromId = 1; fromId <= lastId; fromId += entriesPerQuery) {
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("entry")
          .select("photo_id")
          .where("id", ">=", fromId)
          .where("id", "<", fromId + entriesPerQuery)
          .where("recipe_id", "=", recipeId)
          .where("state", "=", state)
          .limit(1 + most)
          .execute(),
      { signal },
    );
    for (const { photo_id } of rows) photoIds.push(photo_id);
    if (photoIds.length > most) return undefined;
  }
  return photoIds;
}
