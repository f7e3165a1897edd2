import assert from "node:assert/strict";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { exampleRecipe, exampleResult, recordPhotos } from "../../recorded-photos.fixture.ts";
import { compareResults } from "../compare-results.ts";
import { readTruth } from "../truth/read-truth.ts";
import { createComparePage } from "./create-compare-page.ts";

test("the page of a comparison has its numbers, and what differs on photos", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-compare-"));
  const file = join(folder.path, "results.db");
  const names = ["plant", "<weed>"];
  const objects = [
    { boxXyxy: [0, 0, 10, 10], score: 0.9 },
    { boxXyxy: [20, 20, 30, 30], score: 0.4, classId: 1 },
  ] as const;
  const photos = ["/data/a.jpg", "/data/b.jpg"].map((source) => ({
    source,
    result: exampleResult({ names, objects }),
  }));
  await recordPhotos(file, photos);
  const truthFile = join(folder.path, "truth.json");
  const annotation = { image_id: 1, category_id: 1, bbox: [0, 0, 10, 10] };
  const truth = {
    images: [{ id: 1, file_name: "a.jpg" }],
    categories: [{ id: 1, name: "plant" }],
    annotations: [annotation, { ...annotation, bbox: [50, 50, 10, 10] }],
  };
  await writeFile(truthFile, JSON.stringify(truth));
  await using ledger = await openLedger(file, { readOnly: true });
  const comparison = await compareResults(ledger, {
    recipe: exampleRecipe,
    truth: await readTruth(truthFile, names),
  });
  const page = await createComparePage(comparison, { files: ["results.db", "truth.json"] });
  assert.match(page, /^<!doctype html>.*results\.db – Orangery comparison/s);
  assert.match(page, /&lt;weed&gt;/);
  assert.doesNotMatch(page, /<weed>/);
  assert.match(page, /Without a truth: 1 photo with a result\./);
  assert.match(page, /2 counted, 2 there.*1 too many, 1 missed/s);
  assert.match(page, /The photo cannot be found\./);
});
