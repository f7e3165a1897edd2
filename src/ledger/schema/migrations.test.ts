import assert from "node:assert/strict";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Kysely } from "kysely";
import { isOrangeryError } from "../../errors.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { NodeSqliteDialect, sqliteMigrationDialect } from "../databases/sqlite-dialect.ts";
import { openLedger } from "../open-ledger.ts";
import { createRecipe } from "../recipe.ts";
import { toCocoCounts } from "../results/coco-counts.ts";
import { readFailures, readResults, type StoredResult } from "../results/stored-results.ts";
import { currentProcess } from "../worklist/process-identity.ts";
import { Worklist } from "../worklist/worklist.ts";
import { createTables } from "./migration-1-tables.ts";

const recipe = createRecipe({ detect: { sha256: "d" }, segment: { sha256: "5" } });

/** 4 × 2 px: the left half, and the right bottom corner. */
const masks = [
  [1, 1, 0, 0, 1, 1, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 1],
].map((bitmap) => Mask.fromBitmap(bitmap, [4, 2]));

/** A results file of the first version, in a folder of its own, as a run left it. */
async function createOldFile(changes: (old: DatabaseSync) => void = () => {}) {
  const folder = await mkdtempDisposable(join(tmpdir(), "orangery-migrations-"));
  const file = join(folder.path, "results.db");
  const old = new DatabaseSync(file);
  const dialect = new NodeSqliteDialect(old);
  await createTables(new Kysely<unknown>({ dialect }), sqliteMigrationDialect);
  old.exec("pragma application_id = 0x4f524e47; pragma user_version = 1");
  const insert = (table: string, row: Record<string, string | number | null>) => {
    const columns = Object.keys(row);
    old
      .prepare(`insert into ${table} (${columns}) values (${columns.map(() => "?")})`)
      .run(...Object.values(row));
  };
  insert("recipe", { hash: recipe.hash, recipe: recipe.json });
  insert("placement", { device: "cpu", fallback_reason: "no GPU" });
  for (const [source, reason] of [
    ["/a.jpg", null],
    ["/b.jpg", null],
    ["/c.jpg", "PHOTO_FAILED"],
  ]) {
    insert("photo", { source: source!, size_bytes: 1, mtime_us: 2 });
    const state = reason === null ? "done" : "set-aside";
    insert("job", {
      photo_id: old.prepare("select max(id) as id from photo").get()!.id as number,
      recipe_id: 1,
      state,
      reason_code: reason ?? null,
      reason_message: reason ?? null,
    });
  }
  const facts = { recipe_id: 1, width_px: 4, height_px: 2, placement_id: 1, timings_ms: "{}" };
  const created = { created_at: "2026-01-02T03:04:05.678Z" };
  insert("result", { ...facts, ...created, content_sha256: "a", object_count: 2, bed_count: 2 });
  insert("result", { ...facts, ...created, content_sha256: "b", object_count: 0, bed_count: null });
  old.exec("update job set result_id = id where state = 'done'");
  const stored = masks.map(({ counts }) => ({ size: [2, 4], counts: toCocoCounts(counts) }));
  const names = '["plant"]';
  const objects = "[[0,0.5,0,0,1,1],[0,0.25,2,0,3,1]]";
  insert("result_detections", { result_id: 1, role: "detect", names, objects, masks: null });
  insert("result_detections", {
    ...{ result_id: 1, role: "segment", names: '["path","bed"]' },
    ...{ objects: "[[1,0.75,0,0,2,2],[0,0.5,3,1,4,2]]", masks: JSON.stringify(stored) },
  });
  insert("result_detections", { result_id: 2, role: "detect", names, objects: "[]", masks: null });
  insert("result_count", { result_id: 1, bed: 0, name: "plant", count: 2 });
  insert("result_count", { result_id: 1, bed: 1, name: "plant", count: 1 });
  changes(old);
  old.close();
  return { file, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function assertBroughtForward(file: string): Promise<void> {
  await using ledger = await openLedger(file, { readOnly: true });
  const [a, b] = (await collect(readResults(ledger))) as [StoredResult, StoredResult];
  assert.deepEqual(
    { ...a, objects: [...a.objects].map(({ name, boxXyxy }) => [name, ...boxXyxy]) },
    {
      ...{ id: 1, source: "/a.jpg", contentSha256: "a", recipeHash: recipe.hash },
      ...{ createdAt: "2026-01-02T03:04:05.678Z", widthPx: 4, heightPx: 2, sliceCount: 1 },
      ...{ device: "cpu", fallbackReason: "no GPU", timingsMs: {} },
      objects: [
        ["plant", 0, 0, 1, 1],
        ["plant", 2, 0, 3, 1],
      ],
      objectRegions: Int32Array.of(1, 0),
      regions: [
        {
          ...{ number: 1, classId: 1, name: "bed", score: 0.75, boxXyxy: [0, 0, 2, 2] },
          ...{ areaPx: 4, mask: masks[0] },
        },
        {
          ...{ number: 2, classId: 0, name: "path", score: 0.5, boxXyxy: [3, 1, 4, 2] },
          ...{ areaPx: 1, mask: masks[1] },
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
    [...["/b.jpg", 0], undefined, undefined],
  );
  assert.deepEqual(
    (await collect(readFailures(ledger))).map(({ source }) => source),
    ["/c.jpg"],
  );
}

test("a file of the first version is brought up to date by a run, without loss", async () => {
  await using old = await createOldFile();
  await (await Worklist.open(old.file, recipe))[Symbol.asyncDispose]();
  await assertBroughtForward(old.file);
});

test("a file of the first version is brought up to date by a reader, without loss", async () => {
  await using old = await createOldFile();
  await assertBroughtForward(old.file);
  await assertBroughtForward(old.file);
});

test("a file with which a run of an older version is at work is left as it is", async () => {
  const { host, pid, processStart } = currentProcess();
  await using old = await createOldFile((database) =>
    database
      .prepare("insert into owner values ('x', ?, ?, ?, ?)")
      .run(host, pid, processStart, Date.now() + 60_000),
  );
  const before = await readFile(old.file);
  for (const readOnly of [false, true]) {
    await assert.rejects(openLedger(old.file, { readOnly }), (error) => {
      assert.ok(isOrangeryError(error, "LEDGER_BUSY"), String(error));
      assert.match(error.message, /older Orangery \(process \d+ on .*\) is at work/);
      return true;
    });
  }
  const kept = new DatabaseSync(old.file, { readOnly: true });
  assert.equal(kept.prepare("pragma user_version").get()!.user_version, 1);
  kept.close();
  assert.ok(before.length > 0);
});
