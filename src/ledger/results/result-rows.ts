import type { Kysely, Transaction } from "kysely";
import type { Detections } from "../../vision/detections.ts";
import type { ExposureWarning } from "../../vision/photo/exposure.ts";
import type { Region } from "../../vision/region.ts";
import { toCocoCounts } from "../coco-counts.ts";
import { inStatements, insertRows } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { RecordedScores } from "../scores/count-question.ts";
import { packScores } from "../scores/packed-scores.ts";
import { type ScoreSummary, summarizeScores } from "../scores/score-summary.ts";
import type { SharedRows } from "./shared-rows.ts";
import { toHundredths, toScore, toStoredObjects } from "./stored-objects.ts";

/** How many objects of one name there are on the whole photo (region 0) or in one region (1…n). */
export interface ObjectCount {
  readonly region: number;
  readonly name: string;
  readonly count: number;
}

/** The objects and regions of a photo. */
export interface Findings {
  readonly objects: Detections;
  /** The number of the region that each object is in, 0 for none; undefined without a segmenter. */
  readonly objectRegions?: Int32Array | undefined;
  /** In the order of their numbers; undefined without a segmenter. */
  readonly regions?: readonly Region[] | undefined;
}

/**
 * Why a photo's result should be checked. `network-limit`: there may be more objects than its
 * network can return (`Prediction.reachedNetworkLimit`).
 */
export type PhotoWarning = ExposureWarning | "network-limit";

/** All that is recorded about one photo's content under one recipe. */
export interface PhotoResult extends Findings {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Where it was inferred, as in `cpu` or `cuda:0`. */
  readonly device: string;
  /** Why it is not the device that was asked for. */
  readonly fallbackReason?: string | undefined;
  readonly timingsMs: { readonly [step: string]: number };
  /**
   * Objects that are recorded for questions about thresholds, and that are not counted: those below
   * the counting threshold where the recipe records from a lower one. Best score first.
   */
  readonly uncounted?: Omit<Findings, "regions"> | undefined;
  /** Zeros may be left out. */
  readonly counts: readonly ObjectCount[];
  /** Inferences of the detector: 1 without slicing. */
  readonly sliceCount: number;
  /** Why the result is to be looked at; undefined or empty where nothing is strange. */
  readonly warnings?: readonly PhotoWarning[] | undefined;
}

/** A result and the content that it is a result of. */
export interface NewResult {
  /** Lower-case hex. */
  readonly contentSha256: string;
  readonly result: PhotoResult;
}

/** The row of a recipe, and what it records. */
export interface ResultRecipe {
  readonly id: number;
  readonly recorded: RecordedScores;
}

/**
 * Inserts the results that do not exist yet, and returns the ids of all by their content. A content
 * never has a second result under the same recipe, even when two processes insert it at the same
 * moment: the later one gets the id of the first.
 */
export async function insertResults(
  transaction: Transaction<LedgerTables>,
  { id: recipeId, recorded }: ResultRecipe,
  entries: readonly NewResult[],
  shared: SharedRows,
): Promise<ReadonlyMap<string, number>> {
  const byContent = new Map(
    entries.map(({ contentSha256, result }) => {
      const scores = scoresOf(result);
      const summary = summarizeScores(scores, { names: result.objects.names, recorded });
      return [contentSha256, { ...result, scores, summary }];
    }),
  );
  const placementIds = await shared.placementIds(transaction, [...byContent.values()]);
  const rows = [...byContent].map(([content_sha256, result]) => ({
    content_sha256,
    recipe_id: recipeId,
    width_px: result.widthPx,
    height_px: result.heightPx,
    object_count: result.objects.length,
    region_count: result.regions?.length ?? null,
    slice_count: result.sliceCount,
    placement_id: placementIds.get(result)!,
    timings_ms: JSON.stringify(result.timingsMs, toTenths),
    created_at: new Date().toISOString(),
    warnings: JSON.stringify(result.warnings ?? []),
    best_score: result.summary.all?.best ?? null,
    worst_score: result.summary.all?.worst ?? null,
    doubtful_count: result.summary.doubtfulCount,
  }));
  // Inserting the same keys in the same order prevents deadlocks between transactions.
  rows.sort((a, b) => (a.content_sha256 < b.content_sha256 ? -1 : 1));
  const ids = new Map<string, number>();
  for (const part of inStatements(rows, 14)) {
    const inserted = await transaction
      .insertInto("result")
      .values(part)
      .onConflict((conflict) => conflict.columns(["content_sha256", "recipe_id"]).doNothing())
      .returning(["id", "content_sha256"])
      .execute();
    for (const { id, content_sha256 } of inserted) ids.set(content_sha256, id);
  }
  await insertFindings(
    transaction,
    Array.from(ids, ([content, resultId]) => ({ resultId, recipeId, ...byContent.get(content)! })),
    shared,
  );
  const others = [...byContent.keys()].filter((content) => !ids.has(content));
  for (const [content, id] of await findResults(transaction, recipeId, others))
    ids.set(content, id);
  return ids;
}

/** Returns the ids of the results of contents, by content. */
export async function findResults(
  db: Kysely<LedgerTables>,
  recipeId: number,
  contents: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const ids = new Map<string, number>();
  for (const part of inStatements(contents, 1)) {
    const rows = await db
      .selectFrom("result")
      .select(["id", "content_sha256"])
      .where("content_sha256", "in", part)
      .where("recipe_id", "=", recipeId)
      .execute();
    for (const { id, content_sha256 } of rows) ids.set(content_sha256, id);
  }
  return ids;
}

interface IdentifiedResult extends PhotoResult {
  readonly resultId: number;
  readonly recipeId: number;
  /** Packed. */
  readonly scores: Uint8Array;
  readonly summary: ScoreSummary;
}

async function insertFindings(
  transaction: Transaction<LedgerTables>,
  results: readonly IdentifiedResult[],
  shared: SharedRows,
): Promise<void> {
  const stored = results.map((result) => ({
    result_id: result.resultId,
    ...toStoredObjects(result),
  }));
  const namesIds = await shared.classNamesIds(
    transaction,
    stored.map(({ names }) => names),
  );
  await insertRows(
    transaction,
    "result_objects",
    stored.map(({ names, ...row }) => ({ ...row, class_names_id: namesIds.get(names)! })),
  );
  await insertRows(
    transaction,
    "result_scores",
    results.map(({ resultId, scores }) => ({ result_id: resultId, scores })),
  );
  await insertRows(
    transaction,
    "result_class",
    results.flatMap(({ resultId, recipeId, summary, counts }) => {
      const onPhoto = counts.filter(({ region }) => region === 0);
      const countByName = new Map(onPhoto.map(({ name, count }) => [name, count]));
      return Array.from(summary.byName, ([name, { best, worst }]) => ({
        result_id: resultId,
        name,
        recipe_id: recipeId,
        best_score: best,
        worst_score: worst,
        count: countByName.get(name) ?? 0,
      }));
    }),
  );
  await insertRows(
    transaction,
    "result_uncounted",
    results.flatMap(({ resultId, uncounted }) => {
      if (uncounted === undefined || uncounted.objects.length === 0) return [];
      const { objects, masks } = toStoredObjects(uncounted);
      return [{ result_id: resultId, objects, masks }];
    }),
  );
  await insertRows(
    transaction,
    "result_region",
    results.flatMap(({ resultId, regions = [] }) =>
      regions.map((region) => ({ result_id: resultId, ...toRegionRow(region) })),
    ),
  );
  await insertRows(
    transaction,
    "result_count",
    results.flatMap(({ resultId, counts }) =>
      counts.map(({ region, name, count }) => ({ result_id: resultId, region, name, count })),
    ),
  );
}

/** Packs the scores of all objects that are recorded. */
function scoresOf({ objects, objectRegions, uncounted }: PhotoResult): Uint8Array {
  if (uncounted === undefined) return packScores(objects, objectRegions);
  return packScores(
    {
      classIds: [...objects.classIds, ...uncounted.objects.classIds],
      scores: [...objects.scores, ...uncounted.objects.scores],
    },
    objectRegions && [...objectRegions, ...(uncounted.objectRegions ?? [])],
  );
}

/** Returns a region as the table `result_region` holds it. */
function toRegionRow({ number, classId, name, score, boxXyxy, areaPx, mask }: Region) {
  const [left_px, top_px, right_px, bottom_px] = boxXyxy.map(toHundredths);
  return {
    region: number,
    class_id: classId,
    name,
    score: toScore(score),
    left_px: left_px!,
    top_px: top_px!,
    right_px: right_px!,
    bottom_px: bottom_px!,
    area_px: areaPx,
    mask: toCocoCounts(mask.counts),
  };
}

function toTenths(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(10 * value) / 10 : value;
}
