import { type Kysely, sql, type Transaction } from "kysely";
import {
  abortSignal,
  aFunction,
  checkOptions,
  refuseUnknown,
  texts,
  trueOrFalse,
} from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { isUnder } from "./selection.ts";

export interface ForgetPhotosOptions extends AccessOptions {
  /** Counts the photos and keeps them. Default false. */
  readonly dryRun?: boolean | undefined;
  /** Called now and then with the number of photos that are forgotten so far. */
  readonly onForgotten?: ((photos: number) => void) | undefined;
}

/** How many photos were forgotten. */
export interface ForgottenPhotos {
  readonly photos: number;
  /** Results that belonged to no other photo; 0 in a dry run. */
  readonly results: number;
  /** The first of the photos, by source. */
  readonly examples: readonly string[];
}

/** Those whose rows belong to a result. */
const resultTables = [
  "picture",
  "correction",
  "review_count",
  "review_hold",
  "review",
  "result_count",
  "result_class",
  "result_region",
  "result_objects",
  "result_scores",
  "result_uncounted",
] as const;
/** Photos that one transaction removes. */
const photosAtOnce = 500;
const exampleCount = 10;

/**
 * Takes photos out of the results, under every recipe: those at or below each of the places, which
 * are files, folders or URLs as they were recorded. Results that belong to no other photo go as
 * well.
 *
 * @throws `INVALID_ARGUMENT`, with nothing removed, where a place has no photo
 */
export async function forgetPhotos(
  ledger: Ledger,
  places: readonly string[],
  options: ForgetPhotosOptions = {},
): Promise<ForgottenPhotos> {
  const { dryRun = false, onForgotten, signal, ...rest } = options;
  checkOptions({ places }, texts("paths or URLs"));
  checkOptions({ dryRun }, trueOrFalse);
  checkOptions({ onForgotten }, aFunction);
  checkOptions({ signal }, abortSignal);
  refuseUnknown("ForgetPhotosOptions", options, rest);
  await refuseUnknownPlaces(ledger, places, { signal });
  const isMeant = sql<boolean>`
    (${sql.join(
      places.map((place) => isUnder("source", place)),
      sql` or `,
    )})`;
  const examples = await ledger.read(
    (db) => firstPhotos(db, isMeant).limit(exampleCount).execute(),
    { signal },
  );
  const forgotten = { photos: 0, results: 0, examples: examples.map(({ source }) => source) };
  if (dryRun) {
    const count = (db: Kysely<LedgerTables>) =>
      db
        .selectFrom("photo")
        .select(({ fn }) => fn.countAll<number>().as("photos"))
        .where(isMeant)
        .executeTakeFirstOrThrow();
    return { ...forgotten, ...(await ledger.read(count, { signal })) };
  }
  for (let found = photosAtOnce; found === photosAtOnce; ) {
    signal?.throwIfAborted();
    const removed = await ledger.write(
      async (transaction) => {
        const photos = await firstPhotos(transaction, isMeant).limit(photosAtOnce).execute();
        const ids = photos.map(({ id }) => id);
        return await removePhotos(transaction, ids);
      },
      { signal },
    );
    found = removed.photos;
    forgotten.photos += removed.photos;
    forgotten.results += removed.results;
    onForgotten?.(forgotten.photos);
  }
  return forgotten;
}

function firstPhotos(db: Kysely<LedgerTables>, isMeant: ReturnType<typeof isUnder>) {
  return db.selectFrom("photo").select(["id", "source"]).where(isMeant).orderBy("source");
}

/** Removes photos with their entries, and the results that belong to no other photo. */
export async function removePhotos(
  transaction: Transaction<LedgerTables>,
  ids: readonly number[],
): Promise<{ readonly photos: number; readonly results: number }> {
  if (ids.length === 0) return { photos: 0, results: 0 };
  const used = await transaction
    .selectFrom("entry")
    .select("result_id")
    .distinct()
    .where("photo_id", "in", ids)
    .where("result_id", "is not", null)
    .execute();
  await transaction.deleteFrom("entry").where("photo_id", "in", ids).execute();
  const { numDeletedRows } = await transaction
    .deleteFrom("photo")
    .where("id", "in", ids)
    .executeTakeFirst();
  const photos = Number(numDeletedRows);
  if (used.length === 0) return { photos, results: 0 };
  const unused = await transaction
    .selectFrom("result")
    .select("id")
    .where(
      "id",
      "in",
      used.map(({ result_id }) => result_id!),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("photo")
            .innerJoin("entry", "entry.photo_id", "photo.id")
            .select("entry.id")
            .whereRef("photo.content_sha256", "=", "result.content_sha256")
            .whereRef("entry.result_id", "=", "result.id"),
        ),
      ),
    )
    .execute();
  const resultIds = unused.map(({ id }) => id);
  if (resultIds.length === 0) return { photos, results: 0 };
  for (const table of resultTables) {
    await transaction.deleteFrom(table).where("result_id", "in", resultIds).execute();
  }
  await transaction.deleteFrom("result").where("id", "in", resultIds).execute();
  return { photos, results: resultIds.length };
}

async function refuseUnknownPlaces(
  ledger: Ledger,
  places: readonly string[],
  options: AccessOptions,
): Promise<void> {
  const unknown: string[] = [];
  for (const place of places) {
    const photo = await ledger.read(
      (db) =>
        db
          .selectFrom("photo")
          .select("id")
          .where(isUnder("source", place))
          .limit(1)
          .executeTakeFirst(),
      options,
    );
    if (photo === undefined) unknown.push(place);
  }
  if (places.length > 0 && unknown.length === 0) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected files or folders with photos in the results, but there are none at or below ` +
      `${unknown.join(", ")}. Nothing was removed; name the photos as they were recorded.`,
    { details: { places, unknown } },
  );
}
