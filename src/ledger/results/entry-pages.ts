import { sql } from "kysely";
import {
  abortSignal,
  checkOptions,
  optionsOf,
  text,
  trueOrFalse,
} from "../../base/check-options.ts";
import type { Ledger } from "../ledger.ts";
import { captureColumnNames } from "../photos/capture-columns.ts";
import {
  checkSelection,
  duplicateOf,
  isSelected,
  type PhotoSelection,
} from "../photos/selection.ts";

/**
 * Photos that have a result which is reviewed. By way of the content, which has an index: reviewed
 * ones are few.
 */
const reviewedPhotos = sql<number>`(
  select photo.id from review
  join result on result.id = review.result_id
  join photo on photo.content_sha256 = result.content_sha256
  where review.reviewed_at is not null)`;

const noCopy = sql<string | null>`null`;

/** Which photos are read, under which recipes. */
export interface EntriesOptions extends PhotoSelection {
  /** Reads one recipe only. Default: all, one after the other for each photo. */
  readonly recipeHash?: string | undefined;
  /** Only photos of which a person says that all is right now. Default false. */
  readonly isReviewedOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Refuses names that options do not have: one that is misspelt would select all photos, or the
 * results of all recipes.
 *
 * @param type The name of the options' type.
 * @throws `INVALID_ARGUMENT`
 */
export function checkEntriesOptions(type: string, options: EntriesOptions): void {
  const { recipeHash, isReviewedOnly, signal, ...selection } = optionsOf(type, options);
  checkSelection(type, selection);
  checkOptions({ recipeHash }, text("the hash of a recipe"));
  checkOptions({ isReviewedOnly }, trueOrFalse);
  checkOptions({ signal }, abortSignal);
}

interface EntryPagesOptions extends EntriesOptions {
  readonly state: "done" | "failed";
  readonly photosPerPage: number;
}

/**
 * Reads a page of photos, then their entries. In one query, the databases would sort all entries
 * for each page.
 */
export async function* entryPages(
  ledger: Ledger,
  {
    state,
    photosPerPage,
    recipeHash,
    isReviewedOnly = false,
    signal,
    ...selection
  }: EntryPagesOptions,
) {
  for (let after = ""; ; ) {
    signal?.throwIfAborted();
    const photos = await ledger.read((db) =>
      db
        .selectFrom("photo")
        .select(["photo.id", "photo.source", ...captureColumnNames])
        .where("source", ">", after)
        .where(isSelected(selection))
        .$if(isReviewedOnly, (query) => query.where("photo.id", "in", reviewedPhotos))
        .orderBy("source")
        .limit(photosPerPage)
        .execute(),
    );
    if (photos.length === 0) return;
    const photosById = new Map(photos.map(({ id, ...photo }) => [id, photo]));
    const entries = await ledger.read((db) =>
      db
        .selectFrom("entry")
        .innerJoin("recipe", "recipe.id", "entry.recipe_id")
        .innerJoin("photo", "photo.id", "entry.photo_id")
        // Only results need to know their copies.
        .select((state === "done" ? duplicateOf(selection) : noCopy).as("duplicate_of"))
        .select([
          "entry.photo_id",
          "entry.result_id",
          "entry.reason_code",
          "entry.reason_message",
          "recipe.hash",
        ])
        .where("entry.photo_id", "in", [...photosById.keys()])
        .where("entry.state", "=", state)
        .$if(recipeHash !== undefined, (query) => query.where("recipe.hash", "=", recipeHash!))
        .$if(isReviewedOnly, (query) =>
          query
            .innerJoin("review", "review.result_id", "entry.result_id")
            .where("review.reviewed_at", "is not", null),
        )
        .orderBy("entry.recipe_id")
        .execute(),
    );
    const entriesByPhoto = Map.groupBy(entries, ({ photo_id }) => photo_id);
    const page = [...photosById].flatMap(([id, photo]) =>
      (entriesByPhoto.get(id) ?? []).map((entry) => ({ ...photo, ...entry })),
    );
    if (page.length > 0) yield page;
    if (photos.length < photosPerPage) return;
    after = photos.at(-1)!.source;
  }
}
