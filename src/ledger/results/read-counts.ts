import type { Kysely } from "kysely";
import { optionsOf } from "../../base/check-options.ts";
import type { Capture } from "../../vision/photo/capture/capture.ts";
import type { Ledger } from "../ledger.ts";
import { captureOf } from "../photos/capture-columns.ts";
import { duplicateOf, isPart, isSelected, type PhotoSelection } from "../photos/selection.ts";
import { requireAsRecorded } from "../recipe-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { countPacked } from "../scores/count-packed.ts";
import { CountedScores, type CountQuestion } from "../scores/count-question.ts";
import { PackedScores, type ScoreGroup, unpackScores } from "../scores/packed-scores.ts";
import { checkEntriesOptions, type EntriesOptions, entryPages } from "./entry-pages.ts";
import type { ObjectCount } from "./result-rows.ts";
import { readClassNames } from "./shared-rows.ts";
import { packStoredObjects } from "./stored-objects.ts";

/** What is counted, on which photos. */
export interface ReadCountsOptions extends EntriesOptions {
  /** Default: what each recipe counts. */
  readonly question?: CountQuestion | undefined;
}

/** The recorded objects of a photo, as far as their scores. */
export interface PhotoScores {
  readonly source: string;
  readonly recipeHash: string;
  /** When, where and with what the photo was taken, as far as that is known. */
  readonly capture: Capture;
  /** Photos of identical bytes share it. */
  readonly resultId: number;
  /** The first photo, of those selected, with the same bytes; undefined for that one itself. */
  readonly duplicateOf: string | undefined;
  /** Undefined without a segmenter. */
  readonly regionCount: number | undefined;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** By class and region; of the objects below the counting threshold, too. */
  readonly groups: readonly ScoreGroup[];
}

/** How many objects of a photo count. */
export interface CountedPhoto extends Omit<PhotoScores, "groups" | "names"> {
  /** Of all classes that count. */
  readonly objectCount: number;
  /** All objects that are recorded. */
  readonly recordedCount: number;
  /** On the photo (region 0) and in each region; every name that counts on the photo has a row. */
  readonly counts: readonly ObjectCount[];
}

/** How many objects count on photos together. */
export interface CountTotals {
  readonly photos: number;
  readonly objectCount: number;
  /** Names without objects are left out. */
  readonly countByName: ReadonlyMap<string, number>;
}

const photosPerPage = 1000;
const firstPage = 1000;
const mostPhotosOfPage = 10_000;
const pageBytes = 4 * 2 ** 20;
/** Results whose objects are read at a time, of a version that did not pack scores. */
const oldResultsAtOnce = 100;

/**
 * Counts the objects on each photo at the thresholds of a question, in the order of the bytes of
 * the photos' sources. Nothing is inferred: what is recorded is counted.
 *
 * @throws `INVALID_ARGUMENT`, also where what is recorded has no answer
 */
export async function* readCounts(
  ledger: Ledger,
  readOptions: ReadCountsOptions = {},
): AsyncGenerator<CountedPhoto> {
  const { question, ...options } = optionsOf("ReadCountsOptions", readOptions);
  checkEntriesOptions("ReadCountsOptions", options);
  const { recipeHash, signal } = options;
  const recipes = await readCountedScores(ledger, { question, recipeHash, signal });
  for await (const { packed, ...photo } of packedPhotos(ledger, options)) {
    const counted = recipes.get(photo.recipeHash)!;
    yield { ...photo, ...countPacked(packed, { counted, regionCount: photo.regionCount }) };
  }
}

/**
 * Reads the scores of the objects on each photo, in the order of the bytes of the photos' sources,
 * for callers who compare many thresholds.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function* readScores(
  ledger: Ledger,
  options: EntriesOptions = {},
): AsyncGenerator<PhotoScores> {
  checkEntriesOptions("EntriesOptions", options);
  const { recipeHash, signal } = options;
  const recipes = await readCountedScores(ledger, { recipeHash, signal });
  for await (const { packed, ...photo } of packedPhotos(ledger, options)) {
    const { names } = recipes.get(photo.recipeHash)!;
    yield { ...photo, names, groups: unpackScores(packed) };
  }
}

/**
 * Counts the objects on all photos together at the thresholds of a question, under one recipe.
 *
 * @throws `INVALID_ARGUMENT`, also where what is recorded has no answer
 */
export async function readCountTotals(
  ledger: Ledger,
  options: ReadCountsOptions & { readonly recipeHash: string },
): Promise<CountTotals> {
  const { question, ...entries } = optionsOf("ReadCountsOptions", options);
  checkEntriesOptions("ReadCountsOptions", entries);
  const { recipeHash } = entries;
  const counted = (await readCountedScores(ledger, { question, recipeHash })).get(recipeHash);
  const totals = { photos: 0, objectCount: 0 };
  const countById: number[] = [];
  for await (const packs of packPages(ledger, options)) {
    for (const packed of packs) {
      totals.photos++;
      const groups = new PackedScores(packed);
      while (groups.next()) {
        const { classId } = groups;
        const count = groups.countAbove(counted!.thresholdOf(classId));
        countById[classId] = (countById[classId] ?? 0) + count;
        totals.objectCount += count;
      }
    }
  }
  const countByName = new Map<string, number>();
  for (const [classId, count] of countById.entries()) {
    if (!(count > 0)) continue;
    const name = counted!.nameOf(classId);
    countByName.set(name, (countByName.get(name) ?? 0) + count);
  }
  return { ...totals, countByName };
}

/**
 * Returns what counts of each recipe that has results, by its hash.
 *
 * @throws `INVALID_ARGUMENT` where what is recorded under one of them has no answer
 */
export async function readCountedScores(
  ledger: Ledger,
  { question, recipeHash, signal }: Omit<ReadCountsOptions, keyof PhotoSelection> = {},
): Promise<ReadonlyMap<string, CountedScores>> {
  const recipes = await ledger.read(
    (db) =>
      db
        .selectFrom("recipe")
        .select(["recipe.id", "recipe.hash", "recipe.recipe"])
        .$if(recipeHash !== undefined, (query) => query.where("hash", "=", recipeHash!))
        .execute(),
    { signal },
  );
  const counted = new Map<string, CountedScores>();
  for (const { id, hash, recipe } of recipes) {
    requireAsRecorded(ledger, { hash, json: recipe });
    const names = await ledger.read((db) => readClassNames(db, id), { signal });
    if (names === undefined) continue;
    counted.set(hash, new CountedScores(JSON.parse(recipe), names, question));
  }
  return counted;
}

/** Reads the packed scores of results, by result; of an older version, they are packed now. */
export async function readPackedScores(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, Uint8Array>> {
  if (resultIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("result_scores")
    .selectAll()
    .where("result_id", "in", resultIds)
    .execute();
  const packed = new Map(rows.map(({ result_id, scores }) => [result_id, scores]));
  const missing = resultIds.filter((id) => !packed.has(id));
  for (let start = 0; start < missing.length; start += oldResultsAtOnce) {
    const old = await db
      .selectFrom("result_objects")
      .select(["result_id", "objects"])
      .where("result_id", "in", missing.slice(start, start + oldResultsAtOnce))
      .execute();
    for (const { result_id, objects } of old) packed.set(result_id, packStoredObjects(objects));
  }
  return packed;
}

async function* packedPhotos(ledger: Ledger, options: EntriesOptions) {
  const pages = entryPages(ledger, { ...options, state: "done", photosPerPage });
  for await (const entries of pages) {
    const ids = [...new Set(entries.map(({ result_id }) => result_id!))];
    const { results, packed } = await ledger.read(async (db) => ({
      results: await db
        .selectFrom("result")
        .select(["id", "region_count"])
        .where("id", "in", ids)
        .execute(),
      packed: await readPackedScores(db, ids),
    }));
    const regionCounts = new Map(results.map(({ id, region_count }) => [id, region_count]));
    for (const { source, hash: recipeHash, result_id, duplicate_of, ...row } of entries) {
      if (options.countDuplicatesOnce && duplicate_of !== null) continue;
      yield {
        source,
        recipeHash,
        capture: captureOf(row),
        resultId: result_id!,
        duplicateOf: duplicate_of ?? undefined,
        regionCount: regionCounts.get(result_id!) ?? undefined,
        packed: packed.get(result_id!)!,
      };
    }
  }
}

/**
 * Reads the packed scores of all photos that are selected, in any order. While a page is counted,
 * a server looks for the next.
 */
async function* packPages(
  ledger: Ledger,
  options: EntriesOptions & { readonly recipeHash: string },
): AsyncGenerator<Uint8Array[]> {
  let limit = firstPage;
  let reading = readPack(ledger, { ...options, after: 0, limit });
  for (;;) {
    options.signal?.throwIfAborted();
    const { packs, last } = await reading;
    const isLast = packs.length < limit;
    if (!isLast) {
      limit = pageOf(packs);
      reading = readPack(ledger, { ...options, after: last, limit });
      // Its failure is handled when it is awaited.
      reading.catch(() => {});
    }
    yield packs;
    if (isLast) return;
  }
}

/** Returns how many photos make a page of a few megabytes, by those of the last. */
function pageOf(packs: readonly Uint8Array[]): number {
  const bytes = packs.reduce((sum, { length }) => sum + length, 1);
  return Math.max(100, Math.min(mostPhotosOfPage, Math.round((pageBytes * packs.length) / bytes)));
}

async function readPack(
  ledger: Ledger,
  {
    recipeHash,
    signal,
    after,
    limit,
    ...selection
  }: EntriesOptions & { readonly after: number; readonly limit: number },
) {
  const { countDuplicatesOnce = false } = selection;
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("entry")
        // A left join costs nothing where no column of it is used.
        .leftJoin("photo", "photo.id", "entry.photo_id")
        .leftJoin("result_scores", "result_scores.result_id", "entry.result_id")
        .select(["entry.id", "entry.result_id", "result_scores.scores"])
        // Not joined by its hash: PostgreSQL expects few entries then, and sorts all for a page.
        .where("entry.recipe_id", "=", ({ selectFrom }) =>
          selectFrom("recipe").select("recipe.id").where("recipe.hash", "=", recipeHash!),
        )
        .where("entry.state", "=", "done")
        .where("entry.id", ">", after)
        .$if(isPart(selection), (query) => query.where(isSelected(selection)))
        .$if(countDuplicatesOnce, (query) => query.where(duplicateOf(selection), "is", null))
        .orderBy("entry.id")
        .limit(limit)
        .execute(),
    { signal },
  );
  const missing = rows.flatMap(({ result_id, scores }) => (scores === null ? [result_id!] : []));
  const packed = await ledger.read((db) => readPackedScores(db, missing), { signal });
  return {
    packs: rows.map(({ result_id, scores }) => scores ?? packed.get(result_id!)!),
    last: rows.at(-1)?.id ?? 0,
  };
}
