import type { Capture } from "../../vision/photo/capture/capture.ts";
import type { Ledger } from "../ledger.ts";
import { captureColumnNames, captureOf } from "../photos/capture-columns.ts";
import { type Reason, reasonOf } from "../photos/entry-rows.ts";
import { isPart, isSelected, type PhotoSelection } from "../photos/selection.ts";

/** A photo without a result. */
export interface FailedPhoto {
  readonly source: string;
  readonly recipeHash: string;
  readonly reason: Reason;
  /** As far as the photo could be read. */
  readonly capture: Capture;
}

/** Which failed photos are meant. */
export interface FailedPhotosOptions extends Omit<PhotoSelection, "countDuplicatesOnce"> {
  /** Default: all recipes. */
  readonly recipeHash?: string | undefined;
  /** Default: all codes. */
  readonly code?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The photos that failed with one code. */
export interface FailedPhotoCount {
  readonly code: string;
  readonly count: number;
}

/** Counts failed photos by code, the most first. */
export async function countFailedPhotos(
  ledger: Ledger,
  { recipeHash, code, signal, ...selection }: FailedPhotosOptions = {},
): Promise<FailedPhotoCount[]> {
  signal?.throwIfAborted();
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("entry")
        .select("entry.reason_code")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("entry.state", "=", "failed")
        .$if(isPart(selection), (query) =>
          query.where("entry.photo_id", "in", (of) =>
            of.selectFrom("photo").select("id").where(isSelected(selection)),
          ),
        )
        .$if(recipeHash !== undefined, (query) =>
          query.where("entry.recipe_id", "in", (of) =>
            of.selectFrom("recipe").select("id").where("hash", "=", recipeHash!),
          ),
        )
        .$if(code !== undefined, (query) => query.where("entry.reason_code", "=", code!))
        .groupBy("entry.reason_code")
        .execute(),
    { signal },
  );
  return rows
    .map(({ reason_code, count }) => ({ code: reason_code ?? "", count: Number(count) }))
    .sort((a, b) => b.count - a.count);
}

/**
 * Reads the first failed photos in the order of the bytes of their sources. The database sorts all
 * of them for it, which is quick for a few, wherever they are among hundreds of thousands.
 */
export async function readFirstFailedPhotos(
  ledger: Ledger,
  {
    recipeHash,
    code,
    signal,
    limit,
    ...selection
  }: FailedPhotosOptions & { readonly limit: number },
): Promise<FailedPhoto[]> {
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("entry")
        .innerJoin("photo", "photo.id", "entry.photo_id")
        .innerJoin("recipe", "recipe.id", "entry.recipe_id")
        .select(["photo.source", "recipe.hash", "entry.reason_code", "entry.reason_message"])
        .select(captureColumnNames)
        .where("entry.state", "=", "failed")
        .where(isSelected(selection))
        .$if(recipeHash !== undefined, (query) => query.where("recipe.hash", "=", recipeHash!))
        .$if(code !== undefined, (query) => query.where("entry.reason_code", "=", code!))
        .orderBy("photo.source")
        .orderBy("entry.recipe_id")
        .limit(limit)
        .execute(),
    { signal },
  );
  return rows.map(({ source, hash, ...row }) => ({
    source,
    recipeHash: hash,
    reason: reasonOf(row)!,
    capture: captureOf(row),
  }));
}
