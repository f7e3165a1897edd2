import type { Kysely } from "kysely";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { readFindings } from "../results/read-findings.ts";
import type { Findings } from "../results/result-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { type AppliedCorrections, applyCorrections } from "./apply-corrections.ts";
import type { Correction } from "./change.ts";
import { readManyCorrections } from "./correction-rows.ts";

/** A photo, and the recipe whose result of it is reviewed. */
export interface ReviewedPhoto {
  readonly recipeId: number;
  readonly photoId: number;
}

/** A photo's result, its corrections, and what they come to. */
export interface PhotoReview extends AppliedCorrections {
  readonly resultId: number;
  /** The number of the last correction; 0 where there is none. */
  readonly version: number;
  readonly widthPx: number;
  readonly heightPx: number;
  /** As the model found it. */
  readonly findings: Findings;
  /** All of them, in the order of their numbers, also those that are undone. */
  readonly corrections: readonly Correction[];
}

/**
 * Reads the review of a photo.
 *
 * @throws `INVALID_ARGUMENT` where the photo has no result under the recipe
 */
export async function readPhotoReview(
  ledger: Ledger,
  photo: ReviewedPhoto,
  access: AccessOptions = {},
): Promise<PhotoReview> {
  return await ledger.read(
    async (db) => await readReviewable(db, await findReviewable(db, photo)),
    access,
  );
}

/** Returns the id of a photo's result. @throws `INVALID_ARGUMENT` where it has none */
export async function findReviewable(
  db: Kysely<LedgerTables>,
  { recipeId, photoId }: ReviewedPhoto,
): Promise<number> {
  const entry = await db
    .selectFrom("entry")
    .select("result_id")
    .where("photo_id", "=", photoId)
    .where("recipe_id", "=", recipeId)
    .where("state", "=", "done")
    .executeTakeFirst();
  if (entry?.result_id != null) return entry.result_id;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a photo with a result under this recipe, but photo ${photoId} has none. ` +
      "It may have been forgotten, or waits to be counted again.",
    { details: { photoId, recipeId } },
  );
}

/** Reads the review of a result that is there. */
export async function readReviewable(
  db: Kysely<LedgerTables>,
  resultId: number,
): Promise<PhotoReview> {
  const { width_px: widthPx, height_px: heightPx } = await db
    .selectFrom("result")
    .select(["width_px", "height_px"])
    .where("id", "=", resultId)
    .executeTakeFirstOrThrow();
  const findings = await readFindings(db, resultId);
  const corrections = (await readManyCorrections(db, [resultId])).get(resultId) ?? [];
  return {
    resultId,
    version: corrections.at(-1)?.number ?? 0,
    widthPx,
    heightPx,
    findings,
    corrections,
    ...applyCorrections(findings, corrections),
  };
}
