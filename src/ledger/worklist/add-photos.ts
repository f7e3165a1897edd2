import { sql, type Transaction } from "kysely";
import { waitingAnew } from "../photos/entry-rows.ts";
import { isOtherTime, savePhotos } from "../photos/photo-rows.ts";
import { inStatements } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";

/** A photo as it was listed, before it is read. */
export interface PhotoFile {
  /** Absolute path, URL without its signature, or key. Two sources are two photos. */
  readonly source: string;
  /** 0 where it is not known, as is `mtimeUs`. */
  readonly sizeBytes: number;
  readonly mtimeUs: number;
}

export interface AddPhotosOptions {
  readonly recipeId: number;
  /** Whether photos that failed wait again, whatever the reason. */
  readonly retry: boolean;
}

/**
 * Reasons that may no longer apply although the file has not changed: with another option, or
 * because a disk is back.
 */
const passingReasons = ["PHOTO_NOT_FOUND", "PHOTO_TOO_LARGE"];

/** Creates the table of the entries that this connection was asked for. */
export async function createScope(transaction: Transaction<LedgerTables>): Promise<void> {
  await sql`create temp table scope (entry_id integer primary key)`.execute(transaction);
}

/** Whether the row of `entry` is one that this connection was asked for. */
export const isInScope = sql<boolean>`exists (select 1 from temp.scope where entry_id = entry.id)`;

/** Records photos, creates their entries under the recipe, and puts these into the scope. */
export async function addPhotos(
  transaction: Transaction<LedgerTables>,
  photos: readonly PhotoFile[],
  { recipeId, retry }: AddPhotosOptions,
): Promise<void> {
  const ids = await savePhotos(transaction, photos, {
    // With unknown size or time it may have changed: read it again.
    isOther: (photo, row) => photo.sizeBytes !== row.size_bytes || isOtherTime(photo, row.mtime_us),
  });
  const inOrder = [...new Set(photos.map(({ source }) => ids.get(source)!))];
  for (const photoIds of inStatements(inOrder, 2)) {
    await transaction
      .insertInto("entry")
      .values(photoIds.map((photo_id) => ({ photo_id, recipe_id: recipeId })))
      .onConflict((conflict) => conflict.columns(["photo_id", "recipe_id"]).doNothing())
      .execute();
    await transaction
      .updateTable("entry")
      .set(waitingAnew)
      .where("photo_id", "in", photoIds)
      .where("recipe_id", "=", recipeId)
      .where("state", "=", "failed")
      .$if(!retry, (query) => query.where("reason_code", "in", passingReasons))
      .execute();
    await sql`
      insert into temp.scope (entry_id)
      select id from entry where recipe_id = ${recipeId} and photo_id in (${sql.join(photoIds)})
      on conflict do nothing`.execute(transaction);
  }
}
