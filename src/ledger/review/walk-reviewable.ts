import type { Kysely } from "kysely";
import { sql } from "kysely";
import { fits } from "../browse/entry-filter.ts";
import { readLastEntryId } from "../browse/progress.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { duplicateOf, isSelected } from "../photos/selection.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { ReviewFilter } from "./review-list.ts";

/** A photo that a list may have. */
export interface ReviewablePhoto {
  readonly photoId: number;
  readonly resultId: number;
  readonly source: string;
  /** Of all classes. */
  readonly objectCount: number;
  /** JSON list of codes. */
  readonly warnings: string;
}

export interface ReviewablePart {
  readonly photos: readonly ReviewablePhoto[];
  /** What was counted on them, by name. */
  readonly predicted: ReadonlyMap<string, number>;
}

/** Entries that one query looks at. */
const entriesAtOnce = 10_000;

/** Goes over the photos that are done under a recipe and fit a filter, part by part. */
export async function* walkReviewable(
  ledger: Ledger,
  { recipeId, filter, signal }: AccessOptions & { recipeId: number; filter: ReviewFilter },
): AsyncGenerator<ReviewablePart> {
  const lastId = await readLastEntryId(ledger, { signal });
  for (let fromId = 1; fromId <= lastId; fromId += entriesAtOnce) {
    signal?.throwIfAborted();
    const part = { recipeId, filter, fromId, toId: fromId + entriesAtOnce };
    yield await ledger.read(
      async (db) => ({ photos: await readPart(db, part), predicted: await sumPart(db, part) }),
      { signal },
    );
    // What else the process does gets its turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface Part {
  readonly recipeId: number;
  readonly filter: ReviewFilter;
  readonly fromId: number;
  readonly toId: number;
}

async function readPart(db: Kysely<LedgerTables>, part: Part): Promise<ReviewablePhoto[]> {
  const rows = await selectPart(db, part)
    .select(["photo.id as photo_id", "photo.source", "result.id as result_id"])
    .select(["result.object_count", "result.warnings"])
    .execute();
  return rows.map((row) => ({
    photoId: row.photo_id,
    resultId: row.result_id,
    source: row.source,
    objectCount: row.object_count,
    warnings: row.warnings,
  }));
}

async function sumPart(db: Kysely<LedgerTables>, part: Part): Promise<Map<string, number>> {
  const rows = await selectPart(db, part)
    .innerJoin("result_count", "result_count.result_id", "result.id")
    .where("result_count.region", "=", 0)
    .select(["result_count.name", ({ fn }) => fn.sum<number>("result_count.count").as("count")])
    .groupBy("result_count.name")
    .execute();
  return new Map(rows.map(({ name, count }) => [name, Number(count)]));
}

function selectPart(db: Kysely<LedgerTables>, { recipeId, filter, fromId, toId }: Part) {
  const { countDuplicatesOnce = false } = filter;
  return db
    .selectFrom("entry")
    .innerJoin("photo", "photo.id", "entry.photo_id")
    .innerJoin("result", "result.id", "entry.result_id")
    .innerJoin("placement", "placement.id", "result.placement_id")
    .where("entry.id", ">=", fromId)
    .where("entry.id", "<", toId)
    .where("entry.recipe_id", "=", recipeId)
    .where("entry.state", "=", "done")
    .where(isSelected(filter))
    .where(fits(filter))
    .$if(countDuplicatesOnce, (query) => query.where(sql<boolean>`${duplicateOf(filter)} is null`));
}
