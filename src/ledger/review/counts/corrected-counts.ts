import { inBatches } from "../../in-batches.ts";
import type { AccessOptions, Ledger } from "../../ledger.ts";
import { duplicateOf, isSelected, type PhotoSelection } from "../../photos/selection.ts";
import {
  type CountedPhoto,
  type CountTotals,
  type ReadCountsOptions,
  readCounts,
  readCountTotals,
} from "../../results/read-counts.ts";
import { numberRegions, renumberCounts } from "../apply-corrections.ts";
import { readManyCorrections } from "../correction-rows.ts";
import { asksForCorrected, type CountsKind } from "./counts-kind.ts";

export interface ReadChosenCountsOptions extends ReadCountsOptions {
  /** As the model counts, or with the corrections that people made. Default predicted. */
  readonly counts?: CountsKind | undefined;
}

const photosAtOnce = 1000;

/**
 * Reads the counts of photos as {@link readCounts} does, of photos that people corrected as they
 * left them: regions that a person rejected are left out, and the others numbered anew.
 *
 * @throws `INVALID_ARGUMENT` for corrected counts at another threshold than the recipe's
 */
export async function* readChosenCounts(
  ledger: Ledger,
  { counts: kind, ...options }: ReadChosenCountsOptions = {},
): AsyncGenerator<CountedPhoto> {
  if (!asksForCorrected(kind, options.question)) {
    yield* readCounts(ledger, options);
    return;
  }
  for await (const photos of inBatches(readCounts(ledger, options), photosAtOnce)) {
    const ids = [...new Set(photos.map(({ resultId }) => resultId))];
    const corrections = await ledger.read((db) => readManyCorrections(db, ids), options);
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("review")
          .leftJoin("review_count", "review_count.result_id", "review.result_id")
          .select(["review.result_id", "review.object_count"])
          .select(["review_count.region", "review_count.name", "review_count.count"])
          .where("review.result_id", "in", ids)
          .orderBy("review_count.region")
          .orderBy("review_count.name")
          .execute(),
      options,
    );
    const byResult = Map.groupBy(rows, ({ result_id }) => result_id);
    for (const photo of photos) {
      const ofResult = byResult.get(photo.resultId);
      if (ofResult === undefined) {
        yield photo;
        continue;
      }
      const counts = ofResult.flatMap(({ region, name, count }) =>
        region === null ? [] : [{ region, name: name!, count: count! }],
      );
      const { regionCount } = photo;
      const found = Array.from({ length: regionCount ?? 0 }, (_, i) => i + 1);
      const numbers = numberRegions(found, corrections.get(photo.resultId) ?? []);
      yield {
        ...photo,
        regionCount: regionCount === undefined ? undefined : numbers.size,
        objectCount: ofResult[0]!.object_count,
        counts: renumberCounts(counts, numbers),
      };
    }
  }
}

/** How much of the selected photos people have looked at. */
export interface CorrectedPhotos {
  /** Photos with a correction, or that were reviewed without one. */
  readonly corrected: number;
  readonly reviewed: number;
}

export interface ChosenTotals extends CountTotals {
  /** Undefined of predicted counts. */
  readonly people: CorrectedPhotos | undefined;
}

/**
 * Counts the objects on all photos together as {@link readCountTotals} does, on photos that people
 * corrected as they left them.
 *
 * @throws `INVALID_ARGUMENT` for corrected counts at another threshold than the recipe's
 */
export async function readChosenTotals(
  ledger: Ledger,
  { counts, ...options }: ReadChosenCountsOptions & { readonly recipeHash: string },
): Promise<ChosenTotals> {
  const isCorrected = asksForCorrected(counts, options.question);
  const predicted = await readCountTotals(ledger, options);
  if (!isCorrected) return { ...predicted, people: undefined };
  const countByName = new Map(predicted.countByName);
  for (const { name, change } of await readChanges(ledger, options)) {
    const count = (countByName.get(name) ?? 0) + change;
    if (count === 0) countByName.delete(name);
    else countByName.set(name, count);
  }
  const objectCount = countByName.values().reduce((sum, count) => sum + count, 0);
  const people = await countCorrectedPhotos(ledger, options);
  return { photos: predicted.photos, objectCount, countByName, people };
}

interface OfRecipe extends AccessOptions, PhotoSelection {
  readonly recipeHash: string;
}

/** Counts the photos of a selection that people have looked at. */
export async function countCorrectedPhotos(
  ledger: Ledger,
  options: OfRecipe,
): Promise<CorrectedPhotos> {
  const row = await ledger.read(
    (db) =>
      selectReviews(db, options)
        .select(({ fn }) => [
          fn.countAll<number>().as("corrected"),
          fn.count<number>("review.reviewed_at").as("reviewed"),
        ])
        .executeTakeFirstOrThrow(),
    options,
  );
  return { corrected: Number(row.corrected), reviewed: Number(row.reviewed) };
}

/** How many more of each name there are than were counted without people. */
async function readChanges(ledger: Ledger, options: OfRecipe) {
  const rows = await ledger.read(
    (db) =>
      selectReviews(db, options)
        .innerJoin("review_count", "review_count.result_id", "review.result_id")
        .select(["review_count.name"])
        .select(({ fn }) => [
          fn.sum<number>("review_count.count").as("count"),
          fn.sum<number>("review_count.predicted").as("predicted"),
        ])
        .where("review_count.region", "=", 0)
        .groupBy("review_count.name")
        .execute(),
    options,
  );
  return rows.map(({ name, count, predicted }) => ({
    name,
    change: Number(count) - Number(predicted),
  }));
}

function selectReviews(
  db: Parameters<Parameters<Ledger["read"]>[0]>[0],
  { recipeHash, ...selection }: OfRecipe,
) {
  const { countDuplicatesOnce = false } = selection;
  return (
    db
      .selectFrom("review")
      .innerJoin("result", "result.id", "review.result_id")
      .innerJoin("recipe", "recipe.id", "result.recipe_id")
      // By way of the content, which has an index: corrected ones are few.
      .innerJoin("photo", "photo.content_sha256", "result.content_sha256")
      .innerJoin("entry", (join) =>
        join
          .onRef("entry.photo_id", "=", "photo.id")
          .onRef("entry.recipe_id", "=", "result.recipe_id")
          .onRef("entry.result_id", "=", "result.id"),
      )
      .where("recipe.hash", "=", recipeHash)
      .where("entry.state", "=", "done")
      .where(isSelected(selection))
      .$if(countDuplicatesOnce, (query) => query.where(duplicateOf(selection), "is", null))
  );
}
