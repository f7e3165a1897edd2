import type { Kysely, Transaction } from "kysely";
import type { LedgerTables } from "../schema/tables.ts";
import { unleased } from "./entry-rows.ts";

/** A photo as it was read just now. */
export interface TurnedUp {
  readonly source: string;
  readonly contentSha256: string;
}

/**
 * Returns the other sources of a content that turns up under a source: those from which it may have
 * moved. None where the content was known under this source before.
 */
export async function otherSources(
  db: Kysely<LedgerTables>,
  { source, contentSha256 }: TurnedUp,
): Promise<string[]> {
  const rows = await db
    .selectFrom("photo")
    .select("source")
    .where("content_sha256", "=", contentSha256)
    .execute();
  const sources = rows.map((row) => row.source);
  return sources.includes(source) ? [] : sources;
}

export interface Move extends TurnedUp {
  /** Sources whose files are gone. */
  readonly from: readonly string[];
}

/**
 * Makes one photo of those whose files are gone and of the one that has their content now. It takes
 * over their entries under recipes that it has no entry under.
 */
export async function mergeMoved(
  transaction: Transaction<LedgerTables>,
  { source, contentSha256, from }: Move,
): Promise<void> {
  if (from.length === 0) return;
  const photos = await transaction
    .selectFrom("photo")
    .select(["id", "source"])
    .where("source", "in", [source, ...from])
    // Another process may have recorded other bytes meanwhile.
    .where("content_sha256", "=", contentSha256)
    .orderBy("id")
    .execute();
  const photo = photos.find((row) => row.source === source);
  if (photo === undefined) return;
  for (const { id } of photos) {
    if (id !== photo.id) await mergeInto(transaction, photo.id, id);
  }
}

async function mergeInto(
  transaction: Transaction<LedgerTables>,
  photoId: number,
  goneId: number,
): Promise<void> {
  const own = transaction.selectFrom("entry").select("recipe_id").where("photo_id", "=", photoId);
  await transaction
    .deleteFrom("entry")
    .where("photo_id", "=", goneId)
    .where("recipe_id", "in", own)
    .execute();
  // A run that holds one of them cannot read its file.
  await transaction
    .updateTable("entry")
    .set({ state: "waiting", ...unleased })
    .where("photo_id", "=", goneId)
    .where("state", "=", "leased")
    .execute();
  await transaction
    .updateTable("entry")
    .set({ photo_id: photoId })
    .where("photo_id", "=", goneId)
    .execute();
  await transaction
    .updateTable("review_list_photo")
    .set({ photo_id: photoId })
    .where("photo_id", "=", goneId)
    .execute();
  await transaction.deleteFrom("photo").where("id", "=", goneId).execute();
}
