import { checkOptions, type Expectation, numberFrom } from "../../base/check-options.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { checkReviewer } from "./change.ts";
import { findReviewable, type ReviewedPhoto } from "./read-review.ts";

/** Who looks at a photo, until when. */
export interface Hold {
  readonly by: string;
  /** Of the page, or the program: one person may have two. */
  readonly session: string;
  /** Milliseconds of the epoch. */
  readonly untilMs: number;
}

export interface HoldOptions extends AccessOptions {
  readonly by: string;
  /** Any text that no other page has, such as a UUID. */
  readonly session: string;
  /** How long nobody else is given the photo. Taken again, it is longer. Default 120,000. */
  readonly holdMs?: number | undefined;
}

/** The answer to a request to hold a photo. */
export interface HoldOutcome {
  /** False where another holds it. */
  readonly isTaken: boolean;
  /** Who holds it now. */
  readonly hold: Hold;
}

/**
 * Holds a photo, or extends the hold. A hold does not prevent others from correcting the photo; it
 * only avoids duplicate work.
 *
 * @throws `INVALID_ARGUMENT` where the photo has no result under the recipe
 */
export async function holdPhoto(
  ledger: Ledger,
  { recipeId, photoId, ...holder }: ReviewedPhoto & HoldOptions,
): Promise<HoldOutcome> {
  const { signal } = holder;
  const resultId = await ledger.read((db) => findReviewable(db, { recipeId, photoId }), { signal });
  return await takeHold(ledger, resultId, holder);
}

const sessionText: Expectation = {
  expected: "a text of 1 to 100 letters",
  holds: (value) => typeof value === "string" && value !== "" && value.length <= 100,
};

/** Holds the photos of a result, unless another does. */
export async function takeHold(
  ledger: Ledger,
  resultId: number,
  { by, session, holdMs = 120_000, signal }: HoldOptions,
): Promise<HoldOutcome> {
  checkReviewer(by);
  checkOptions({ session }, sessionText);
  checkOptions({ holdMs }, numberFrom(0));
  const now = Date.now();
  const untilMs = Math.round(now + holdMs);
  return await ledger.write(
    async (transaction) => {
      const held = { held_by: by, session, until_ms: untilMs };
      const taken = await transaction
        .insertInto("review_hold")
        .values({ result_id: resultId, ...held })
        .onConflict((conflict) =>
          conflict
            .column("result_id")
            .doUpdateSet(held)
            .where(({ or, eb }) =>
              or([eb("review_hold.until_ms", "<=", now), eb("review_hold.session", "=", session)]),
            ),
        )
        .returning("result_id")
        .execute();
      if (taken.length > 0) return { isTaken: true, hold: { by, session, untilMs } };
      const row = await transaction
        .selectFrom("review_hold")
        .selectAll()
        .where("result_id", "=", resultId)
        .executeTakeFirstOrThrow();
      const hold = { by: row.held_by, session: row.session, untilMs: row.until_ms };
      return { isTaken: false, hold };
    },
    { signal },
  );
}

/** Lets go of all photos that a session holds, or of one of them. */
export async function releaseHolds(
  ledger: Ledger,
  {
    session,
    resultId,
    signal,
  }: AccessOptions & { readonly session: string; readonly resultId?: number | undefined },
): Promise<void> {
  await ledger.write(
    async (transaction) => {
      await transaction
        .deleteFrom("review_hold")
        .where("session", "=", session)
        .$if(resultId !== undefined, (query) => query.where("result_id", "=", resultId!))
        .execute();
    },
    { signal },
  );
}
