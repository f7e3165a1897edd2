import { randomInt, randomUUID } from "node:crypto";
import { checkOptions, oneOf, refuseUnknown, wholeNumberFrom } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { checkSelection } from "../photos/selection.ts";
import { insertRows } from "../schema/insert-rows.ts";
import { checkReviewer } from "./change.ts";
import { byChance, FolderDistances, type RankedReviewable, rankBy } from "./rank-photos.ts";
import {
  type ReviewFilter,
  type ReviewList,
  type ReviewListKind,
  toReviewList,
} from "./review-list.ts";
import { walkFound, walkReviewable } from "./walk-reviewable.ts";

export interface DrawReviewListOptions extends AccessOptions {
  readonly recipeId: number;
  readonly kind: ReviewListKind;
  /** The most photos. 1 to 5,000, default 200. */
  readonly size?: number | undefined;
  /** Decides what chance gives, for a list by chance. Default: a random one. */
  readonly seed?: number | undefined;
  readonly filter?: ReviewFilter | undefined;
  readonly by: string;
  /** A new UUID: drawing it again returns the list that is there. Default: a random one. */
  readonly token?: string | undefined;
}

/** The limit keeps counting a list below a tenth of a second. */
const maxSize = 5000;

/**
 * Chooses photos that are to be reviewed, of those that are done now, and records which they are.
 *
 * @throws `INVALID_ARGUMENT` for a size that is none, and where no photo fits
 */
export async function drawReviewList(
  ledger: Ledger,
  options: DrawReviewListOptions,
): Promise<ReviewList> {
  const { recipeId, kind, size = 200, filter = {}, by, signal } = options;
  const { seed = randomInt(2 ** 32), token = randomUUID() } = options;
  refuseUnknownNames(options);
  checkReviewer(by);
  checkOptions({ kind }, oneOf("sample", "threshold", "outliers", "warnings"));
  checkOptions({ seed }, wholeNumberFrom(0));
  checkOptions(
    { size },
    {
      expected: `a whole number from 1 to ${maxSize}`,
      holds: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxSize,
    },
  );
  const chosen = await choose(ledger, { recipeId, kind, size, seed, filter, signal });
  if (chosen.photos === 0) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected photos with results that fit, but there is none under this recipe. " +
        "No list was made; name other photos, or wait until some are done.",
      { details: { recipeId, filter } },
    );
  }
  return await ledger.write(
    async (transaction) => {
      const values = {
        token,
        recipe_id: recipeId,
        kind,
        seed: kind === "sample" ? seed : null,
        size,
        filter: JSON.stringify(filter),
        photos: chosen.photos,
        predicted: JSON.stringify(Object.fromEntries(chosen.predicted)),
        made_by: by,
        made_at: new Date().toISOString(),
      };
      const made = await transaction
        .insertInto("review_list")
        .values(values)
        .onConflict((conflict) => conflict.column("token").doNothing())
        .returning("id")
        .executeTakeFirst();
      if (made !== undefined) {
        const rows = chosen.best.map(({ photoId, resultId, rank }, i) => ({
          list_id: made.id,
          position: 1 + i,
          photo_id: photoId,
          result_id: resultId,
          reason: kind === "sample" ? null : rank,
        }));
        await insertRows(transaction, "review_list_photo", rows);
      }
      const row = await transaction
        .selectFrom("review_list")
        .selectAll()
        .where("token", "=", token)
        .executeTakeFirstOrThrow();
      return toReviewList(row);
    },
    { signal },
  );
}

function refuseUnknownNames(options: DrawReviewListOptions): void {
  const { recipeId, kind, size, seed, filter = {}, by, token, signal, ...rest } = options;
  refuseUnknown("DrawReviewListOptions", options, rest);
  const { nameContains, code, className, minCount, maxCount, device, warning, ...selection } =
    filter;
  checkSelection("ReviewFilter", selection);
}

interface ChooseOptions extends AccessOptions {
  readonly recipeId: number;
  readonly kind: ReviewListKind;
  readonly size: number;
  readonly seed: number;
  readonly filter: ReviewFilter;
}

async function choose(ledger: Ledger, options: ChooseOptions) {
  const { kind, size, seed } = options;
  const predicted = new Map<string, number>();
  let best: readonly RankedReviewable[] = [];
  let photos = 0;
  // Of equal ones the first by source is chosen: sorting keeps their order.
  const keep = (ranked: readonly RankedReviewable[]) => {
    const least = best.length < size ? -Infinity : best.at(-1)!.rank;
    const better = ranked.filter(({ rank }) => rank > least);
    if (better.length === 0) return;
    best = [...best, ...better].sort((a, b) => b.rank - a.rank).slice(0, size);
  };
  if (kind === "sample") {
    for await (const part of walkReviewable(ledger, options)) {
      photos += part.photos.length;
      keep(part.photos.map((photo) => byChance(seed, photo)));
      for (const [name, count] of part.predicted) {
        predicted.set(name, (predicted.get(name) ?? 0) + count);
      }
    }
    return { photos, predicted, best };
  }
  // Reviewing a copy would repeat the work. Only in a sample does it count by itself.
  const folders = new FolderDistances();
  for await (const part of walkFound(ledger, options)) {
    photos += part.length;
    if (kind === "outliers") for (const photo of part) folders.add(photo);
    else keep(rankBy(kind, part));
  }
  if (kind === "outliers") keep(folders.ranked());
  return { photos, predicted, best };
}
