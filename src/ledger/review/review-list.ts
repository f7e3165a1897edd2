import type { Kysely, Selectable } from "kysely";
import { checkOptions, refuseUnknown, wholeNumberFrom } from "../../base/check-options.ts";
import type { EntryFilter } from "../browse/entry-filter.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { LedgerTables } from "../schema/tables.ts";

/**
 * How the photos of a list are chosen: by chance, so that what is counted on them stands for all;
 * those with the most objects near the threshold; those whose count is farthest from that of their
 * folder; those with warnings.
 */
export type ReviewListKind = "sample" | "threshold" | "outliers" | "warnings";

/** Which photos a list is chosen from. */
export interface ReviewFilter extends Omit<EntryFilter, "state" | "minScore" | "maxScore"> {
  /** Whether photos of identical bytes count once. Default false. */
  readonly countDuplicatesOnce?: boolean | undefined;
}

/** Photos that are to be reviewed, fixed when they were chosen. */
export interface ReviewList {
  readonly id: number;
  readonly recipeId: number;
  readonly kind: ReviewListKind;
  /** Undefined unless it was drawn by chance. */
  readonly seed: number | undefined;
  /** How many photos were asked for; fewer are in it where there were fewer. */
  readonly size: number;
  readonly filter: ReviewFilter;
  /** How many photos it was chosen from: all that were done, and fit the filter, then. */
  readonly photos: number;
  /** What was counted on all of these, by name; empty unless it was drawn by chance. */
  readonly predicted: ReadonlyMap<string, number>;
  readonly madeBy: string;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
}

/** Reads the lists of a recipe, or of all, the newest first. */
export async function readReviewLists(
  ledger: Ledger,
  options: AccessOptions & { readonly recipeId?: number | undefined } = {},
): Promise<ReviewList[]> {
  const { recipeId, signal, ...rest } = options;
  checkOptions({ recipeId }, wholeNumberFrom(1));
  refuseUnknown("ReadReviewListsOptions", options, rest);
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("review_list")
        .selectAll()
        .$if(recipeId !== undefined, (query) => query.where("recipe_id", "=", recipeId!))
        .orderBy("id", "desc")
        .execute(),
    { signal },
  );
  return rows.map(toReviewList);
}

/** Reads one list; undefined where there is none of this id. */
export async function readReviewList(
  ledger: Ledger,
  listId: number,
  access: AccessOptions = {},
): Promise<ReviewList | undefined> {
  return await ledger.read((db) => findReviewList(db, listId), access);
}

async function findReviewList(
  db: Kysely<LedgerTables>,
  listId: number,
): Promise<ReviewList | undefined> {
  const row = await db
    .selectFrom("review_list")
    .selectAll()
    .where("id", "=", listId)
    .executeTakeFirst();
  return row && toReviewList(row);
}

/** Returns a list of what its row holds. */
export function toReviewList(row: Selectable<LedgerTables["review_list"]>): ReviewList {
  return {
    id: row.id,
    recipeId: row.recipe_id,
    kind: row.kind as ReviewListKind,
    seed: row.seed ?? undefined,
    size: row.size,
    filter: JSON.parse(row.filter),
    photos: row.photos,
    predicted: new Map(Object.entries(JSON.parse(row.predicted) as Record<string, number>)),
    madeBy: row.made_by,
    madeAt: row.made_at,
  };
}
