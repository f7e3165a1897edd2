/** Review from the command line: samples, corrected counts in all outputs, training sets. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openLedger } from "../src/ledger/open-ledger.ts";
import type { Change } from "../src/ledger/review/change.ts";
import { correctPhoto } from "../src/ledger/review/correct-photo.ts";
import { readReviewLists } from "../src/ledger/review/review-list.ts";
import { readQueuePage } from "../src/ledger/review/review-queue.ts";
import { exampleResult, recordPhotos } from "../src/results/recorded-photos.fixture.ts";
import { CliFolder } from "./cli.fixture.ts";

const names = ["plant", "weed"];
const photoCount = 60;

let folder: CliFolder;
let drawn: string[];

before(async () => {
  folder = await CliFolder.create();
  // 100 × 80 px: two plants and a weed, and nothing on every fourth.
  const objects = [
    { classId: 0, score: 0.9, boxXyxy: [10, 10, 20, 30] },
    { classId: 0, score: 0.8, boxXyxy: [40, 10, 50, 30] },
    { classId: 1, score: 0.7, boxXyxy: [70, 10, 80, 30] },
  ] as const;
  const photos = Array.from({ length: photoCount }, (_, i) => ({
    source: `/photos/${String(i).padStart(3, "0")}.jpg`,
    result: exampleResult({ names, objects: i % 4 === 3 ? [] : [...objects] }),
  }));
  await recordPhotos(join(folder.path, "results.db"), photos);
});
after(() => folder[Symbol.asyncDispose]());

async function run(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await folder.run(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

/** Reviews the photos of the sample, each with a plant more; the last only has a correction. */
async function reviewSample(): Promise<void> {
  await using ledger = await openLedger(join(folder.path, "results.db"));
  const [list] = await readReviewLists(ledger);
  const { photos } = await readQueuePage(ledger, { listId: list!.id, limit: 100 });
  drawn = photos.map(({ source }) => source!);
  for (const [i, { photoId }] of photos.entries()) {
    const changes: Change[] = [
      ...(i % 2 === 0 ? [{ kind: "add", classId: 0, boxXyxy: [0, 40, 50, 80] } as const] : []),
      ...(i < photos.length - 1 ? [{ kind: "review" } as const] : []),
    ];
    const corrections = changes.map((change) => ({ id: randomUUID(), ...change }));
    if (corrections.length === 0) continue;
    await correctPhoto(ledger, { recipeId: 1, photoId, version: 0, by: "ada", corrections });
  }
}

describe("orangery review", () => {
  test("draws a sample, which is then reviewed and says what is on all photos", async () => {
    assert.match(await run("review", "results.db"), /no list of photos to review/);
    const list = JSON.parse(
      await run(..."review results.db --sample 25 --seed 5 --by ada --json".split(" ")),
    );
    assert.deepEqual(
      [list.type, list.lists.length, list.lists[0].seed, list.lists[0].drawnFrom],
      ["review", 1, 5, photoCount],
    );
    assert.equal(list.estimate.all.total, undefined);
    await reviewSample();
    const photos = (await run("review", "results.db", "--list", "1", "--json")).trim().split("\n");
    assert.deepEqual(
      photos.map((line) => JSON.parse(line).source),
      drawn,
    );
    const table = await run("review", "results.db", "--list", "1");
    assert.match(table, /1 +reviewed +\d +\d +chance +ada +\/photos\/\d+\.jpg/);
    const { estimate } = JSON.parse(await run("review", "results.db", "--json"));
    const { reviewed, open, drawnFrom } = estimate.list;
    assert.deepEqual(
      [reviewed, open, drawnFrom, estimate.isProvisional],
      [24, 1, photoCount, true],
    );
    const { predicted, sample, total, precision, recall } = estimate.all;
    assert.equal(predicted, 135);
    assert.equal(sample.count, sample.predicted + 12);
    assert.equal(total.value, Number(((135 * sample.count) / sample.predicted).toFixed(1)));
    assert.ok(total.low < total.value && total.value < total.high);
    assert.deepEqual([precision.value, total.wrongPhotos], [1, 12]);
    assert.equal(recall.value, Number((sample.predicted / sample.count).toFixed(4)));
    const text = await run("review", "results.db");
    assert.match(text, /1 +sample, seed 5 +25 +24 +1 +0 +60 /);
    assert.match(text, /Estimate +from list 1, 24 reviewed photos of 60\nClass +Predicted/);
    assert.match(text, /All +135 +\d+ +\d+ to \d+ +100\.0 % \(\d+\.\d to 100\.0\)/);
    assert.match(text, /1 photo of the sample is open: the estimate is provisional/);
  });

  test("lists photos that are worth a look, of those that are selected", async () => {
    const args = "review results.db --outliers 10 --name /photos/00 --json".split(" ");
    const { lists } = JSON.parse(await run(...args));
    assert.deepEqual(
      [lists[0].kind, lists[0].drawnFrom, lists[0].seed],
      ["outliers", 10, undefined],
    );
    for (const kind of ["threshold", "warnings"]) {
      const { lists } = JSON.parse(await run("review", "results.db", `--${kind}`, "3", "--json"));
      assert.deepEqual([lists[0].kind, lists[0].size], [kind, 3]);
    }
  });

  for (const [args, expected] of [
    ["--sample 0", /whole number from 1 up/],
    ["--sample 5 --outliers 5", /one of --sample and --outliers/],
    ["--seed 5", /--seed with --sample/],
    ["--sample 5 --seed 1.5", /whole number from 0 up/],
    ["--list 99", /number of a list, got 99/],
    ["--sample 5 --name nowhere", /photos with results that fit/],
    ["--sample 5001", /1 to 5000/],
  ] as const) {
    test(`refuses ${args}`, async () => {
      const { status, stderr } = await folder.run("review", "results.db", ...args.split(" "));
      assert.notEqual(status, 0);
      assert.match(stderr, expected);
    });
  }
});

describe("corrected counts", () => {
  test("are in the summary, which says whose counts it has", async () => {
    const json = async (...args: string[]) =>
      JSON.parse(await run("summary", "results.db", "--json", ...args));
    const predicted = await json();
    assert.deepEqual(
      [predicted.countsAre, predicted.objects, predicted.corrected, predicted.reviewed],
      ["predicted", 135, 25, 24],
    );
    const corrected = await json("--counts", "corrected", "--by", "folder");
    assert.deepEqual([corrected.countsAre, corrected.objects], ["corrected", 148]);
    assert.deepEqual(corrected.counts, { plant: 103, weed: 45 });
    const text = await run("summary", "results.db", "--counts", "corrected");
    assert.match(text, /Counts +with the corrections of 25 photos, 24 reviewed/);
    assert.match(await run("summary", "results.db"), /without the corrections of 25 photos/);
    const args = ["summary", "results.db", "--counts", "corrected", "--min-score", "0.5"];
    const { status, stderr } = await folder.run(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, /corrected counts as the recipe counts/);
  });

  test("are in the report, with what the sample says", async () => {
    await run("report", "results.db", "--out", "predicted.html", "--quiet");
    await run(..."report results.db --counts corrected --out corrected.html --quiet".split(" "));
    const [predicted, corrected] = await Promise.all(
      ["predicted.html", "corrected.html"].map((file) => readFile(join(folder.path, file), "utf8")),
    );
    assert.match(predicted!, /135 objects <span>/);
    assert.match(predicted!, /Counts as predicted, without the corrections of 25 photos\./);
    assert.match(corrected!, /148 objects <span>/);
    assert.match(corrected!, /Counts with the corrections of 25 photos, 24 of them reviewed\./);
    for (const page of [predicted!, corrected!]) {
      assert.match(page, /<section id="review">/);
      assert.match(page, /People reviewed 24 photos of a random sample/);
      assert.match(page, /1 photo of the sample is still open/);
    }
  });

  test("are in exports, which say whose counts they have", async () => {
    const said = await run("export-results", "results.db", "--format", "csv", "--quiet");
    assert.match(said, /Wrote results\.csv: .* as predicted, without the corrections of 25 photos/);
    const args = ["--counts", "corrected", "--rows", "folders", "--quiet"];
    const corrected = await run("export-results", "results.db", "--format", "csv", ...args);
    assert.match(corrected, /Wrote results-folders-corrected\.csv: .* 24 photos reviewed of 25/);
    const photos = await run(
      ..."export-results results.db --format csv --rows photos --counts corrected --out -".split(
        " ",
      ),
    );
    const objects = photos
      .trim()
      .split("\r\n")
      .slice(1)
      .map((line) => Number(line.split(",")[4]));
    assert.equal(
      objects.reduce((sum, count) => sum + count),
      148,
    );
    assert.ok(photos.split("\r\n")[1]!.endsWith(",corrected"));
    for (const [format, expected] of [
      ["megadetector", /--counts corrected with --format csv, .* only/],
      ["camtrap-dp", /--counts corrected with --format/],
    ] as const) {
      const { stderr } = await folder.run(
        ...["export-results", "results.db", "--format", format, "--counts", "corrected"],
      );
      assert.match(stderr, expected);
    }
  });
});

describe("a training set", () => {
  test("has all and only the reviewed photos as people left them, also empty ones", async () => {
    const said = await run("export-results", "results.db", "--format", "yolo", "--reviewed");
    assert.match(said, /Wrote results-reviewed-yolo: 24 photos with corrections/);
    const labels = join(folder.path, "results-reviewed-yolo", "labels");
    const reviewed = drawn.slice(0, -1).sort();
    assert.deepEqual(
      (await readdir(labels)).sort(),
      reviewed.map((source) => source.replace(/^.*\//, "").replace(".jpg", ".txt")),
    );
    let empty = 0;
    for (const source of reviewed) {
      const text = await readFile(join(labels, source.slice(8).replace(".jpg", ".txt")), "utf8");
      const predicted = Number(source.slice(8, 11)) % 4 === 3 ? 0 : 3;
      const isAdded = drawn.indexOf(source) % 2 === 0;
      assert.equal(text.split("\n").length - 1, predicted + (isAdded ? 1 : 0), source);
      if (isAdded) assert.match(text, /^0 0\.250000 0\.750000 0\.500000 0\.500000$/m);
      if (text === "") empty++;
    }
    assert.ok(empty > 0);
    const yaml = await readFile(join(labels, "..", "data.yaml"), "utf8");
    assert.match(yaml, /with the corrections that people made/);
    const coco = JSON.parse(
      await run(..."export-results results.db --format coco --reviewed --out -".split(" ")),
    );
    assert.deepEqual([coco.images.length, coco.info.counts], [24, "corrected"]);
    assert.equal(coco.info.review.all.predicted, 135);
  });

  test("is refused where there is none, and of tables", async () => {
    // The last of the sample has a correction, and is not reviewed.
    const none = ["--under", drawn.at(-1)!, "--format", "yolo", "--reviewed"];
    const { stderr } = await folder.run("export-results", "results.db", ...none);
    assert.match(stderr, /nobody has reviewed any/);
    for (const [more, expected] of [
      ["--format csv --reviewed", /--reviewed with --format coco, yolo, cvat/],
      ["--format yolo --reviewed --counts predicted", /corrected counts with --reviewed/],
    ] as const) {
      const refused = await folder.run("export-results", "results.db", ...more.split(" "));
      assert.match(refused.stderr, expected);
    }
  });
});
