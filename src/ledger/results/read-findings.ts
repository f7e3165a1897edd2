import type { Kysely, Selectable } from "kysely";
import { Mask } from "../../vision/masks/mask.ts";
import { isDrawn, type Region } from "../../vision/region.ts";
import { fromCocoCounts } from "../coco-counts.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { Findings, ObjectCount } from "./result-rows.ts";
import { fromStoredObjects, type PlacedObjects } from "./stored-objects.ts";

/** Reads what was found on one photo. */
export async function readFindings(db: Kysely<LedgerTables>, resultId: number): Promise<Findings> {
  return (await readManyFindings(db, [resultId])).get(resultId)!;
}

/** Reads what was found, by result. */
export async function readManyFindings(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, Findings>> {
  const results = await db
    .selectFrom("result")
    .innerJoin("result_objects", "result_objects.result_id", "result.id")
    .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
    .select([
      "result.id",
      "result.width_px",
      "result.height_px",
      "result.region_count",
      "class_names.names",
      "result_objects.objects",
      "result_objects.masks",
    ])
    .where("result.id", "in", resultIds)
    .execute();
  const regionRows = await db
    .selectFrom("result_region")
    .selectAll()
    .where("result_id", "in", resultIds)
    .orderBy("result_id")
    .orderBy("region")
    .execute();
  const regionsById = Map.groupBy(regionRows, ({ result_id }) => result_id);
  return new Map(
    results.map(({ id, region_count, width_px: widthPx, height_px: heightPx, ...stored }) => {
      const { objects, objectRegions = new Int32Array(0) } = fromStoredObjects(stored);
      if (region_count === null) return [id, { objects }];
      const regions = (regionsById.get(id) ?? []).map((row): Region => {
        const mask = new Mask({ widthPx, heightPx, counts: fromCocoCounts(row.mask) });
        return { ...fromRegionRow(row), mask };
      });
      return [id, { objects, objectRegions, regions }];
    }),
  );
}

/** Reads the objects that are recorded and not counted, by result; none for most results. */
export async function readManyUncounted(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, PlacedObjects>> {
  const rows = await db
    .selectFrom("result_uncounted")
    .innerJoin("result_objects", "result_objects.result_id", "result_uncounted.result_id")
    .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
    .select(["result_uncounted.result_id", "class_names.names"])
    .select(["result_uncounted.objects", "result_uncounted.masks"])
    .where("result_uncounted.result_id", "in", resultIds)
    .execute();
  return new Map(rows.map(({ result_id, ...stored }) => [result_id, fromStoredObjects(stored)]));
}

/** Reads the counts of objects by region and name, by result. */
export async function readManyCounts(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, ObjectCount[]>> {
  const rows = await db
    .selectFrom("result_count")
    .selectAll()
    .where("result_id", "in", resultIds)
    .orderBy("result_id")
    .orderBy("region")
    .orderBy("name")
    .execute();
  const counts = new Map<number, ObjectCount[]>();
  for (const { result_id, ...count } of rows) {
    const list = counts.get(result_id);
    if (list === undefined) counts.set(result_id, [count]);
    else list.push(count);
  }
  return counts;
}

/** Reads the names of regions that people drew, in their order, by result. */
export async function readDrawnNames(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, string[]>> {
  const rows = await db
    .selectFrom("result_region")
    .select(["result_id", "name", "score"])
    .where("result_id", "in", resultIds)
    .orderBy("result_id")
    .orderBy("region")
    .execute();
  const byResult = Map.groupBy(rows, ({ result_id }) => result_id);
  return new Map(
    [...byResult]
      .filter(([, regions]) => regions.every(isDrawn))
      .map(([id, regions]) => [id, regions.map(({ name }) => name)]),
  );
}

type RegionRow = Selectable<LedgerTables["result_region"]>;

function fromRegionRow(row: RegionRow): Omit<Region, "mask"> {
  return {
    number: row.region,
    classId: row.class_id,
    name: row.name,
    score: row.score,
    boxXyxy: [row.left_px, row.top_px, row.right_px, row.bottom_px],
    areaPx: row.area_px,
  };
}
