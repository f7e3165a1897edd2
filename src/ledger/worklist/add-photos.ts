import { type RawBuilder, sql, type Transaction } from "kysely";
import type { LedgerTables } from "../schema/tables.ts";

/** A photo as its source lists it, before it is read. */
export interface PhotoFile {
  /** Absolute path, or the key in another source. Two sources are two photos. */
  readonly source: string;
  readonly sizeBytes: number;
  readonly mtimeUs: number;
}

export interface AddPhotosOptions {
  readonly recipeId: number;
  readonly retry: boolean;
}

/**
 * Reasons that may have gone although the file did not change: with another option, or with a disk
 * that is there again.
 */
const passingReasons = ["PHOTO_NOT_FOUND", "PHOTO_TOO_LARGE"];

/** What a job that waits looks like, whatever it was before. */
export const waitingAnew = {
  state: "waiting",
  attempts: 0,
  result_id: null,
  reason_code: null,
  reason_message: null,
} as const;

/** Makes the table that says which jobs this connection was asked for. */
export async function createScope(transaction: Transaction<LedgerTables>): Promise<void> {
  await sql`create temp table scope (job_id integer primary key)`.execute(transaction);
}

/** Whether the row of `job` is one that this connection was asked for. */
export const isInScope = sql<boolean>`exists (select 1 from temp.scope where job_id = job.id)`;

/** Makes photos known, makes their jobs under the recipe, and puts these into the scope. */
export async function addPhotos(
  transaction: Transaction<LedgerTables>,
  photos: readonly PhotoFile[],
  { recipeId, retry }: AddPhotosOptions,
): Promise<void> {
  const renewed = await upsertPhotos(transaction, photos);
  // Under every recipe: each had its result from the bytes that are gone.
  await transaction
    .updateTable("job")
    .set(waitingAnew)
    .where("photo_id", "in", renewed)
    .where("state", "!=", "leased")
    .execute();

  const sources = sql.join(photos.map(({ source }) => source));
  const photoIds = sql<number>`(select id from photo where source in (${sources}))`;
  await sql`
    insert into job (photo_id, recipe_id)
    select id, ${recipeId} from ${photoIds} as asked where true order by id
    on conflict (photo_id, recipe_id) do nothing`.execute(transaction);

  const jobIds = sql<number>`
    (select id from job where recipe_id = ${recipeId} and photo_id in ${photoIds})`;
  await transaction
    .updateTable("job")
    .set(waitingAnew)
    .where("id", "in", jobIds)
    .where("state", "=", "set-aside")
    .$if(!retry, (query) => query.where("reason_code", "in", passingReasons))
    .execute();
  await addToScope(transaction, jobIds);
}

async function addToScope(
  transaction: Transaction<LedgerTables>,
  jobIds: RawBuilder<number>,
): Promise<void> {
  await sql`
    insert into temp.scope (job_id) select id from ${jobIds} as asked where true
    on conflict do nothing`.execute(transaction);
}

/** The ids of photos that are new or whose size or time changed. */
async function upsertPhotos(
  transaction: Transaction<LedgerTables>,
  photos: readonly PhotoFile[],
): Promise<number[]> {
  const rows = await transaction
    .insertInto("photo")
    .values(
      photos.map(({ source, sizeBytes, mtimeUs }) => ({
        source,
        size_bytes: sizeBytes,
        mtime_us: mtimeUs,
      })),
    )
    .onConflict((conflict) =>
      conflict
        .column("source")
        .doUpdateSet((eb) => ({
          size_bytes: eb.ref("excluded.size_bytes"),
          mtime_us: eb.ref("excluded.mtime_us"),
          content_sha256: null,
        }))
        .where((eb) =>
          eb.or([
            eb("photo.size_bytes", "!=", eb.ref("excluded.size_bytes")),
            eb("photo.mtime_us", "!=", eb.ref("excluded.mtime_us")),
          ]),
        ),
    )
    .returning("id")
    .execute();
  return rows.map(({ id }) => id);
}
