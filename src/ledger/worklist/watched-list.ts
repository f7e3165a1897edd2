import { type Kysely, sql, type Transaction } from "kysely";
import { isOtherTime } from "../photos/photo-rows.ts";
import { isUnder } from "../photos/selection.ts";
import { inStatements } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { isInScope, type PhotoFile } from "./add-photos.ts";

/** Photos beside the list. Those that are on it and unchanged are in neither. */
export interface Compared<Photo> {
  /** Not on the list, or on it with another size or time. */
  readonly other: readonly Photo[];
  /** On the list as they are now, and failed because they could not be opened. */
  readonly notFound: readonly Photo[];
}

/** Compares photos with those that this connection was asked for. */
export async function compareWithList<Photo extends PhotoFile>(
  db: Kysely<LedgerTables>,
  photos: readonly Photo[],
  recipeId: number,
): Promise<Compared<Photo>> {
  const other: Photo[] = [];
  const notFound: Photo[] = [];
  for (const part of inStatements(photos, 1)) {
    const rows = await db
      .selectFrom("photo")
      .innerJoin("entry", "entry.photo_id", "photo.id")
      .select(["photo.source", "photo.size_bytes", "photo.mtime_us", "entry.reason_code"])
      .where(
        "photo.source",
        "in",
        part.map(({ source }) => source),
      )
      .where("entry.recipe_id", "=", recipeId)
      .where(isInScope)
      .execute();
    const known = new Map(rows.map((row) => [row.source, row]));
    for (const photo of part) {
      const row = known.get(photo.source);
      if (row === undefined || hasChanged(photo, row)) other.push(photo);
      else if (row.reason_code === "PHOTO_NOT_FOUND") notFound.push(photo);
    }
  }
  return { other, notFound };
}

function hasChanged(
  photo: PhotoFile,
  row: { readonly size_bytes: number; readonly mtime_us: number },
): boolean {
  const isUnknown = photo.sizeBytes === 0 && photo.mtimeUs === 0;
  return !isUnknown && (photo.sizeBytes !== row.size_bytes || isOtherTime(photo, row.mtime_us));
}

/** Forgets that this connection was asked for an entry. */
export async function withdrawPhoto(
  transaction: Transaction<LedgerTables>,
  entryId: number,
): Promise<void> {
  await sql`delete from temp.scope where entry_id = ${entryId}`.execute(transaction);
}

/** Forgets that this connection was asked for the entries of a place that wait. */
export async function withdrawWaiting(
  transaction: Transaction<LedgerTables>,
  place: string,
  recipeId: number,
): Promise<void> {
  await sql`
    delete from temp.scope where entry_id in (
      select entry.id from photo join entry on entry.photo_id = photo.id
      where ${isUnder("photo.source", place)}
        and entry.recipe_id = ${recipeId} and entry.state = 'waiting')`.execute(transaction);
}
