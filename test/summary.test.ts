/** `orangery summary` and other commands that are asked about classes and thresholds. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { createRecipe } from "../src/ledger/recipe.ts";
import {
  exampleRegion,
  exampleResult,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import { CliFolder, examplePhotos } from "./cli.fixture.ts";

const names = ["plant", "weed"];
const recipe = createRecipe({
  detect: { sha256: "ab".repeat(32), confidence: 0.25, maxDetections: 3 },
  segment: { sha256: "cd".repeat(32) },
});
const boxXyxy = [0, 0, 1, 1] as const;
const beds = [1, 2].map((number) => exampleRegion(number, [100, 80], () => true));
const objects = [
  { classId: 0, score: 0.9, boxXyxy, region: 1 },
  { classId: 1, score: 0.7, boxXyxy, region: 2 },
  { classId: 0, score: 0.4, boxXyxy, region: 2 },
];

let folder: CliFolder;
before(async () => {
  folder = await CliFolder.create();
  await recordPhotos(
    join(folder.path, "results.db"),
    [
      { source: "/photos/a/1.jpg", result: exampleResult({ names, objects, regions: beds }) },
      {
        source: "/photos/b/1.jpg",
        result: exampleResult({ names, objects: objects.slice(0, 1), regions: beds }),
      },
      { source: "/photos/b/2.jpg", reason: { code: "PHOTO_UNREADABLE", message: "why" } },
    ],
    recipe,
  );
});
after(() => folder[Symbol.asyncDispose]());

async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await folder.run(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

async function assertRefused(args: readonly string[], expected: RegExp): Promise<void> {
  const { status, stdout, stderr } = await folder.run(...args);
  assert.match(stderr, expected);
  assert.deepEqual([status, stdout], [2, ""]);
}

describe("orangery summary", () => {
  test("prints what a run counted, photo by photo and in total", async () => {
    const lines = (await printed("summary")).split("\n");
    assert.match(lines[0]!, /^Photo +plant +weed +by region$/);
    // The first has as many objects as are let through.
    assert.match(lines[1]!, /1\.jpg +2\+ +1\+ +1 \+ 2$/);
    assert.match(lines[3]!, /^Total of 2 photos +3 +1 *$/);
    assert.match(lines.join("\n"), /\nResults {5}results\.db\nAlso {8}1 photo failed\n$/);
  });

  test("answers another threshold from what is recorded", async () => {
    const text = await printed("summary", "results.db", "--min-score", "0.5");
    assert.match(text, /1\.jpg +1 +1 +1 \+ 1\n/);
    assert.match(text, /Total of 2 photos +2 +1 *\n/);
    assert.match(text, /\nCounted {5}above 0\.5\n/);
  });

  test("marks where better objects of other classes may have kept some out", async () => {
    const text = await printed("summary", "results.db", "--class-confidence", "plant=0.5,weed=0.8");
    assert.match(text, /1\.jpg +1\+ +1 \+ 0\n/);
    assert.match(text, /\nCounted {5}plant above 0\.5, weed above 0\.8\n/);
  });

  test("prints one line of JSON", async () => {
    const asked = ["--classes", "0", "--under", "/photos/a", "--json"];
    assert.deepEqual(JSON.parse(await printed("summary", "results.db", ...asked)), {
      type: "summary",
      recipe: { hash: recipe.hash },
      question: { classes: ["0"] },
      countsAre: "predicted",
      corrected: 0,
      reviewed: 0,
      photos: 1,
      failed: 0,
      left: 0,
      objects: 2,
      counts: { plant: 2 },
    });
  });

  test("packs the scores of an older version's results once", async () => {
    using database = new DatabaseSync(join(folder.path, "results.db"));
    database.exec("delete from result_scores");
    const asked = ["summary", "results.db", "--min-score", "0.5"];
    const [first, second] = [await folder.run(...asked), await folder.run(...asked)];
    assert.match(first.stderr, /^Packing the scores of an older version's results, once\n$/);
    assert.deepEqual([second.stderr, second.stdout], ["", first.stdout]);
    assert.match(first.stdout, /Total of 2 photos +2 +1 *\n/);
  });

  test("refuses what was not recorded, and classes that there are not", async () => {
    const summary = ["summary", "results.db"];
    await assertRefused([...summary, "--min-score", "0.2"], /a score of 0\.25 or more .* plant/);
    await assertRefused(
      [...summary, "--classes", "weeds"],
      /classes: 0 plant, 1 weed, got `weeds`/,
    );
    await assertRefused([...summary, "--class-confidence", "plant"], /as in plant=0\.4,weed=0\.6/);
  });
});

test("exports and the report have what a question counts", async () => {
  const csv = ["export-results", "results.db", "--format", "csv", "--out", "-"];
  const rows = (await printed(...csv, "--rows", "objects", "--classes", "weed")).split("\r\n");
  assert.match(rows[1]!, /^\/photos\/a\/1\.jpg,1,weed,0\.7,.*,2,/);
  assert.equal(rows.length, 3);
  const counts = await printed(...csv, "--min-score", "0.5");
  assert.match(counts, /\/photos\/a\/1\.jpg,2,bed,weed,1,/);
  assert.doesNotMatch(counts, /\/photos\/a\/1\.jpg,2,bed,plant/);
  const coco = ["export-results", "results.db", "--format", "coco", "--out", "-"];
  const { info, annotations } = JSON.parse(await printed(...coco, "--min-score", "0.5"));
  assert.deepEqual(info.question, { minScore: 0.5 });
  assert.equal(annotations.filter(({ score }: { score: number }) => score <= 0.5).length, 0);
  const asked = ["--classes", "weed", "--class-confidence", "weed=0.6"];
  await printed("report", "results.db", ...asked, "--out", "asked.html", "--quiet");
  const page = await readFile(join(folder.path, "asked.html"), "utf8");
  assert.match(page, /Counted: of the classes weed, weed above 0\.6\./);
  assert.match(page, /<h1>\s*1 object /);
});

test("failures take no thresholds", async () => {
  const expected = /option '--min-score <score>' has no meaning here/;
  await assertRefused(["failures", "results.db", "--min-score", "0.5"], expected);
});

describe("a recipe", () => {
  const make = ["recipe", "make", "--detect", "sample:seedlings", "--segment", "sample:beds"];

  test("has the ids of classes, however they were named", async () => {
    const asked = ["--classes", "plant", "--class-confidence", "0=0.4", "--segment-classes", "bed"];
    const made = await printed(...make, ...asked, "--record-from", "0.05");
    const { detect, segment, recordFrom } = JSON.parse(made);
    assert.deepEqual([detect.classes, detect.classConfidence], [[0], [[0, 0.4]]]);
    assert.deepEqual([segment.classes, recordFrom], [[0], 0.05]);
  });

  test("is refused with a class that the model does not have, before a photo is read", async () => {
    const run = ["run", examplePhotos, "--detect", "sample:seedlings"];
    await assertRefused([...run, "--classes", "plnt"], /model's classes: 0 plant, got `plnt`/);
    await assertRefused([...run, "--record-from", "0.3"], /from 0 to 0\.25, from which/);
    await assertRefused([...run, "--segment-classes", "bed"], /needs --segment/);
  });
});
