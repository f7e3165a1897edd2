import type { Transaction } from "kysely";
import { checkOptions, refuseUnknown, wholeNumberFrom } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { insertRows } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { applyCorrections } from "./apply-corrections.ts";
import { type Change, type Correction, checkChange, checkReviewer } from "./change.ts";
import { toCorrectionRow } from "./correction-rows.ts";
import {
  findReviewable,
  type PhotoReview,
  type ReviewedPhoto,
  readReviewable,
} from "./read-review.ts";

/** A change that is to be recorded. */
export type NewCorrection = Change & {
  /** A new UUID: recording it again changes nothing. */
  readonly id: string;
};

export interface CorrectPhotoOptions extends AccessOptions, ReviewedPhoto {
  /** Of the review that the person looked at; 0 where there was none. */
  readonly version: number;
  readonly by: string;
  /** Made in this order, all or none. */
  readonly corrections: readonly NewCorrection[];
}

const maxAtOnce = 500;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Records corrections of a photo beside its result, and returns its review as it is now. Photos of
 * identical bytes share a result, and so its corrections. Where others corrected the photo after
 * the version that the person looked at, nothing is recorded.
 *
 * @throws `REVIEW_CONFLICT` with `details` of `expected` and `came`, the versions, and `since`, the
 *   corrections that were made meanwhile; `INVALID_ARGUMENT` for what cannot be changed so
 */
export async function correctPhoto(
  ledger: Ledger,
  options: CorrectPhotoOptions,
): Promise<PhotoReview> {
  const { recipeId, photoId, version, by, corrections, signal, ...rest } = options;
  refuseUnknown("CorrectPhotoOptions", options, rest);
  checkReviewer(by);
  checkOptions({ version }, wholeNumberFrom(0));
  checkOptions(
    { corrections },
    {
      expected: `a list of 1 to ${maxAtOnce} corrections`,
      holds: (list) => Array.isArray(list) && list.length > 0 && list.length <= maxAtOnce,
    },
  );
  for (const { id } of corrections) {
    checkOptions(
      { id },
      { expected: "a UUID in lower case", holds: (value) => uuid.test(String(value)) },
    );
  }
  return await ledger.write(
    async (transaction) => {
      const resultId = await findReviewable(transaction, { recipeId, photoId });
      const isNext = await countUp(transaction, { resultId, version, by: corrections.length });
      const review = await readReviewable(transaction, resultId);
      if (!isNext) {
        const known = new Set(review.corrections.map(({ id }) => id));
        // The answer was lost, and the same request came again.
        if (corrections.every(({ id }) => known.has(id))) return review;
        throw conflict(review, version);
      }
      const made = makeCorrections(review, { version, by, corrections });
      await insertRows(
        transaction,
        "correction",
        made.map((correction) => toCorrectionRow(correction, resultId)),
      );
      return await saveOutcome(transaction, resultId);
    },
    { signal },
  );
}

/**
 * Takes the next numbers if nobody else has: of two concurrent requests, the second waits and gets
 * none.
 */
async function countUp(
  transaction: Transaction<LedgerTables>,
  { resultId, version, by }: { resultId: number; version: number; by: number },
): Promise<boolean> {
  await transaction
    .insertInto("review")
    .values({ result_id: resultId, version: 0, object_count: 0 })
    .onConflict((conflict) => conflict.column("result_id").doNothing())
    .execute();
  const taken = await transaction
    .updateTable("review")
    .set({ version: version + by })
    .where("result_id", "=", resultId)
    .where("version", "=", version)
    .returning("version")
    .execute();
  return taken.length > 0;
}

/** Each is checked on what those before it leave. */
function makeCorrections(
  { findings, corrections: earlier, widthPx, heightPx }: PhotoReview,
  { version, by, corrections }: Pick<CorrectPhotoOptions, "version" | "by" | "corrections">,
): Correction[] {
  const made: Correction[] = [];
  for (const [i, correction] of corrections.entries()) {
    const { objects, rejectedRegions, inEffect } = applyCorrections(findings, [
      ...earlier,
      ...made,
    ]);
    const regions = findings.regions?.filter(({ number }) => !rejectedRegions.has(number)) ?? [];
    checkChange(correction, {
      widthPx,
      heightPx,
      names: findings.objects.names,
      objectIds: new Set(objects.filter(({ isRemoved }) => !isRemoved).map(({ id }) => id)),
      regionNumbers: new Set(regions.map(({ number }) => number)),
      inEffect,
    });
    const facts = { number: version + 1 + i, madeBy: by, madeAt: new Date().toISOString() };
    made.push({ ...correction, ...facts });
  }
  return made;
}

/** Keeps what the corrections come to, for queries over many photos. */
async function saveOutcome(
  transaction: Transaction<LedgerTables>,
  resultId: number,
): Promise<PhotoReview> {
  const review = await readReviewable(transaction, resultId);
  const { counts, reviewed, objects } = review;
  await transaction.deleteFrom("review_count").where("result_id", "=", resultId).execute();
  await insertRows(
    transaction,
    "review_count",
    counts.map((count) => ({ result_id: resultId, ...count })),
  );
  await transaction
    .updateTable("review")
    .set({
      object_count: objects.filter(({ isCounted }) => isCounted).length,
      reviewed_by: reviewed?.by ?? null,
      reviewed_at: reviewed?.at ?? null,
    })
    .where("result_id", "=", resultId)
    .execute();
  return review;
}

function conflict({ version, corrections }: PhotoReview, expected: number): OrangeryError {
  const since = corrections.filter(({ number }) => number > expected);
  const people = [...new Set(since.map(({ madeBy }) => madeBy))].join(", ");
  return new OrangeryError(
    "REVIEW_CONFLICT",
    `Expected the photo's review to be of version ${expected}, but it is of version ${version}` +
      `${people === "" ? "" : `: ${people} corrected it meanwhile`}. ` +
      "Nothing was recorded; look at the photo as it is now, and make the correction again.",
    { details: { expected, came: version, since } },
  );
}
