import assert from "node:assert/strict";
import { type Kysely, sql } from "kysely";
import { Mask } from "../../vision/masks/mask.ts";
import { toCocoCounts } from "../coco-counts.ts";
import { openLedger } from "../open-ledger.ts";
import { createRecipe } from "../recipe.ts";
import { readCounts } from "../results/read-counts.ts";
import { readFailures, readResults, type StoredResult } from "../results/stored-results.ts";
import type { MigrationDialect } from "./steps/migration.ts";
import { createTables } from "./steps/migration-1-tables.ts";
import { addRegions } from "./steps/migration-2-regions.ts";
import { createFirstViews } from "./steps/migration-3-views.ts";
import { renameJobsToEntries } from "./steps/migration-4-entries.ts";
import { nameRecipes } from "./steps/migration-5-names.ts";
import { addScores } from "./steps/migration-6-scores.ts";
import { addCapture } from "./steps/migration-7-capture.ts";

/** The recipe of the results in an old ledger. */
export const oldRecipe = createRecipe({ detect: { sha256: "d" }, segment: { sha256: "5" } });

/** 4 × 2 px: the left half, and the right bottom corner. */
const masks = [
  [1, 1, 0, 0, 1, 1, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 1],
].map((bitmap) => Mask.fromBitmap(bitmap, [4, 2]));

type Row = Record<string, string | number | null>;

/** Steps after the first, up to those that are tested as they were published. */
const laterSteps = [
  addRegions,
  createFirstViews,
  renameJobsToEntries,
  nameRecipes,
  addScores,
  addCapture,
];

/** Those of version 7: a later one adds another. */
const viewsThen = [
  "photo_result",
  "photo_object",
  "count_by_photo",
  "count_by_region",
  "count_by_class",
  "failure",
  "throughput_by_hour",
];

/** Versions of before tables, of before the present views, and of before people's corrections. */
export type OldVersion = 1 | 3 | 7;
export const oldVersions: readonly OldVersion[] = [1, 3, 7];

/** Fills an empty database as a run of that version of the schema left it. */
export async function writeOldLedger(
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  version: OldVersion,
): Promise<void> {
  await createTables(db, dialect);
  const insert = async (table: string, row: Row) => {
    const columns = sql.join(Object.keys(row).map((column) => sql.ref(column)));
    const values = sql.join(Object.values(row));
    await sql`insert into ${sql.table(table)} (${columns}) values (${values})`.execute(db);
  };
  await insert("recipe", { hash: oldRecipe.hash, recipe: oldRecipe.json });
  await insert("placement", { device: "cpu", fallback_reason: "no GPU" });
  const facts = { recipe_id: 1, width_px: 4, height_px: 2, placement_id: 1, timings_ms: "{}" };
  const created = { created_at: "2026-01-02T03:04:05.678Z" };
  for (const [content_sha256, object_count, bed_count] of [
    ["a", 2, 2],
    ["b", 0, null],
  ] as const) {
    await insert("result", { ...facts, ...created, content_sha256, object_count, bed_count });
  }
  const photos = [
    { source: "/a.jpg", state: "done", result_id: 1 },
    { source: "/b.jpg", state: "done", result_id: 2 },
    { source: "/c.jpg", state: "set-aside", reason_code: "PHOTO_FAILED", reason_message: "why" },
    { source: "/d.jpg", state: "waiting", attempts: 1 },
  ];
  for (const [i, { source, ...job }] of photos.entries()) {
    const content_sha256 = i < 2 ? ["a", "b"][i]! : null;
    await insert("photo", { source, size_bytes: 1, mtime_us: 2, content_sha256 });
    await insert("job", { photo_id: i + 1, recipe_id: 1, ...job });
  }
  const stored = masks.map(({ counts }) => ({ size: [2, 4], counts: toCocoCounts(counts) }));
  const names = '["plant"]';
  const objects = "[[0,0.5,0,0,1,1],[0,0.25,2,0,3,1]]";
  const detected = { role: "detect", names, masks: null };
  await insert("result_detections", { result_id: 1, ...detected, objects });
  await insert("result_detections", {
    result_id: 1,
    role: "segment",
    names: '["path","bed"]',
    objects: "[[1,0.75,0,0,2,2],[0,0.5,3,1,4,2]]",
    masks: JSON.stringify(stored),
  });
  await insert("result_detections", { result_id: 2, ...detected, objects: "[]" });
  await insert("result_count", { result_id: 1, bed: 0, name: "plant", count: 2 });
  await insert("result_count", { result_id: 1, bed: 1, name: "plant", count: 1 });
  for (const step of laterSteps.slice(0, version - 1)) await step(db, dialect);
  if (version < 7) return;
  // Their columns do not matter: they are made anew.
  for (const view of viewsThen) {
    await sql`create view ${sql.table(view)} as select count(*) as photos from photo`.execute(db);
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Checks that nothing of an old ledger is lost by opening it. */
export async function assertBroughtForward(location: string): Promise<void> {
  await using ledger = await openLedger(location, { readOnly: true });
  const [a, b] = (await collect(readResults(ledger))) as [StoredResult, StoredResult];
  assert.deepEqual(
    { ...a, objects: [...a.objects].map(({ name, boxXyxy }) => [name, ...boxXyxy]) },
    {
      id: 1,
      source: "/a.jpg",
      contentSha256: "a",
      recipeHash: oldRecipe.hash,
      capture: {},
      duplicateOf: undefined,
      createdAt: "2026-01-02T03:04:05.678Z",
      widthPx: 4,
      heightPx: 2,
      sliceCount: 1,
      device: "cpu",
      fallbackReason: "no GPU",
      timingsMs: {},
      warnings: [],
      objects: [
        ["plant", 0, 0, 1, 1],
        ["plant", 2, 0, 3, 1],
      ],
      objectRegions: Int32Array.of(1, 0),
      regions: [
        {
          number: 1,
          classId: 1,
          name: "bed",
          score: 0.75,
          boxXyxy: [0, 0, 2, 2],
          areaPx: 4,
          mask: masks[0],
        },
        {
          number: 2,
          classId: 0,
          name: "path",
          score: 0.5,
          boxXyxy: [3, 1, 4, 2],
          areaPx: 1,
          mask: masks[1],
        },
      ],
      counts: [
        { region: 0, name: "plant", count: 2 },
        { region: 1, name: "plant", count: 1 },
      ],
    },
  );
  assert.deepEqual(
    [b.source, b.objects.length, b.regions, b.objectRegions],
    ["/b.jpg", 0, undefined, undefined],
  );
  const above = async (minScore: number) => {
    const photos = await collect(readCounts(ledger, { question: { minScore } }));
    return photos.map(({ counts }) => counts.map(({ count }) => count));
  };
  assert.deepEqual(
    [await above(0.25), await above(0.3)],
    [
      [[2, 1, 0], []],
      [[1, 1, 0], []],
    ],
  );
  assert.deepEqual(await collect(readFailures(ledger)), [
    {
      source: "/c.jpg",
      recipeHash: oldRecipe.hash,
      reason: { code: "PHOTO_FAILED", message: "why" },
      capture: {},
    },
  ]);
  const scores = await ledger.read((db) =>
    db
      .selectFrom("result")
      .leftJoin("result_class", "result_class.result_id", "result.id")
      .select(["result.best_score", "result.worst_score", "doubtful_count", "result_class.name"])
      .select([
        "result_class.best_score as best_of_name",
        "result_class.worst_score as worst_of_name",
      ])
      .select(["result_class.recipe_id", "result_class.count"])
      .orderBy("result.id")
      .execute(),
  );
  assert.deepEqual(scores.map(Object.values), [
    [0.5, 0.25, 1, "plant", 0.5, 0.25, 1, 2],
    [null, null, 0, null, null, null, null, null],
  ]);
  const states = sql<Row>`select source, state, attempts from photo_result order by source`;
  const { rows } = await ledger.read((db) => states.execute(db));
  assert.deepEqual(
    rows.map(({ source, state, attempts }) => [source, state, attempts]),
    [
      ["/a.jpg", "done", 0],
      ["/b.jpg", "done", 0],
      ["/c.jpg", "failed", 0],
      ["/d.jpg", "waiting", 1],
    ],
  );
}
