import type { Kysely } from "kysely";
import { sql } from "kysely";
import { fits } from "../browse/entry-filter.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { lastIdOf } from "../parts.ts";
import { boundsOf, duplicateOf, isSelected } from "../photos/selection.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { ReviewFilter } from "./review-list.ts";

/** A photo that a list may have. */
export interface ReviewablePhoto {
  readonly photoId: number;
  readonly resultId: number;
  readonly source: string;
}

/** With what was found on it. */
export interface FoundReviewable extends ReviewablePhoto {
  /** Of all classes. */
  readonly objectCount: number;
  readonly doubtfulCount: number;
  /** JSON list of codes. */
  readonly warnings: string;
}

/** Some photos, and what was counted on them, by name. */
export interface ReviewablePart {
  readonly photos: readonly ReviewablePhoto[];
  readonly predicted: ReadonlyMap<string, number>;
}

export interface WalkOptions extends AccessOptions {
  readonly recipeId: number;
  readonly filter: ReviewFilter;
}

/** Photos that one query looks at, in this process and on a server, which reads whole tables. */
const photosAtOnce = { inProcess: 2_000, onServer: 50_000 };

/**
 * Goes over the photos that are done under a recipe and fit a filter, part by part, in the order of
 * the bytes of their sources, which is the same in every database.
 */
export async function* walkReviewable(
  ledger: Ledger,
  options: WalkOptions,
): AsyncGenerator<ReviewablePart> {
  const { countDuplicatesOnce = false } = options.filter;
  const isCounted = sql<boolean>`${duplicateOf(options.filter)} is null`;
  yield* inParts(ledger, options, async (db, part) => {
    const select = () =>
      selectPart(db, options, part).$if(countDuplicatesOnce, (query) => query.where(isCounted));
    const photos = await select()
      .select(["photo.id as photoId", "entry.result_id as resultId", "photo.source"])
      .$narrowType<{ resultId: number }>()
      .orderBy("photo.source")
      .execute();
    const sums = await select()
      .innerJoin("result_count", "result_count.result_id", "entry.result_id")
      .where("result_count.region", "=", 0)
      .select(["result_count.name", ({ fn }) => fn.sum<number>("result_count.count").as("count")])
      .groupBy("result_count.name")
      .execute();
    return { photos, predicted: new Map(sums.map(({ name, count }) => [name, Number(count)])) };
  });
}

/**
 * Goes over the same photos with what was found on them. The first of the photos of one content
 * stands for all of them.
 */
export async function* walkFound(
  ledger: Ledger,
  options: WalkOptions,
): AsyncGenerator<readonly FoundReviewable[]> {
  // A byte per result, since there may be millions. Later results were not there when the walk
  // began.
  const lastId = await ledger.read((db) => lastIdOf(db, "result"), options);
  const unseen = new Uint8Array(1 + lastId).fill(1);
  const parts = inParts(ledger, options, (db, part) =>
    selectPart(db, options, part)
      .select(["photo.id as photoId", "entry.result_id as resultId", "photo.source"])
      .select(["result.object_count as objectCount", "result.doubtful_count as doubtfulCount"])
      .select("result.warnings")
      .$narrowType<{ [column in keyof FoundReviewable]: FoundReviewable[column] }>()
      .orderBy("photo.source")
      .execute(),
  );
  for await (const photos of parts) {
    yield photos.filter(({ resultId }) => {
      const isFirst = unseen[resultId] === 1;
      unseen[resultId] = 0;
      return isFirst;
    });
  }
}

/** From one source, or behind it, to another; undefined is the end. */
interface Part {
  readonly from: readonly [operator: ">=" | ">", source: string];
  readonly last: string | undefined;
}

async function* inParts<T>(
  ledger: Ledger,
  { filter: { under }, signal }: WalkOptions,
  readPart: (db: Kysely<LedgerTables>, part: Part) => Promise<T>,
): AsyncGenerator<T> {
  const [least, behind] = under === undefined ? ["", undefined] : boundsOf(under);
  const size = ledger.isInProcess ? photosAtOnce.inProcess : photosAtOnce.onServer;
  for (let from: Part["from"] = [">=", least]; ; ) {
    signal?.throwIfAborted();
    const end = await ledger.read(
      (db) =>
        db
          .selectFrom("photo")
          .select("source")
          .where("source", ...from)
          .$if(behind !== undefined, (query) => query.where("source", "<", behind!))
          .orderBy("source")
          .limit(1)
          .offset(size - 1)
          .executeTakeFirst(),
      { signal },
    );
    const part = { from, last: end?.source ?? behind };
    yield await ledger.read((db) => readPart(db, part), { signal });
    if (end === undefined) return;
    from = [">", end.source];
    // Yields to other work of the process.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function selectPart(
  db: Kysely<LedgerTables>,
  { recipeId, filter }: WalkOptions,
  { from, last }: Part,
) {
  return (
    db
      .selectFrom("photo")
      .innerJoin("entry", "entry.photo_id", "photo.id")
      // A left join costs nothing where no column of it is used.
      .leftJoin("result", "result.id", "entry.result_id")
      .leftJoin("placement", "placement.id", "result.placement_id")
      .where("photo.source", ...from)
      .$if(last !== undefined, (query) => query.where("photo.source", "<=", last!))
      .where("entry.recipe_id", "=", recipeId)
      .where("entry.state", "=", "done")
      .where(isSelected(filter))
      .where(fits(filter))
  );
}
