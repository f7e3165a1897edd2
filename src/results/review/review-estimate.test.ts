import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openLedger } from "../../ledger/open-ledger.ts";
import { forgetPhotos } from "../../ledger/photos/forget-photos.ts";
import {
  foundPhoto,
  plainRecipe,
  plainResult,
} from "../../ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../../ledger/results/result-store.ts";
import { correctPhoto, type NewCorrection } from "../../ledger/review/correct-photo.ts";
import { drawReviewList } from "../../ledger/review/draw-list.ts";
import { readQueuePage } from "../../ledger/review/review-queue.ts";
import { readLatestEstimate, readReviewEstimate } from "./review-estimate.ts";

test("a reviewed sample says what is on all photos, of each class and together", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-estimate-"));
  await using ledger = await openLedger(join(folder.path, "results.db"));
  const store = await ResultStore.open(ledger, plainRecipe);
  // 4 plants and a weed on each.
  await store.record(Array.from({ length: 200 }, (_, i) => foundPhoto(i, plainResult(4))));
  const recipeId = 1;
  assert.equal(await readLatestEstimate(ledger, { recipeId }), undefined);
  const draw = { recipeId, kind: "sample", size: 40, seed: 3, by: "ada" } as const;
  const list = await drawReviewList(ledger, draw);
  const before = (await readLatestEstimate(ledger, { recipeId }))!;
  assert.deepEqual([before.all.total, before.all.precision], [undefined, undefined]);
  const { photos } = await readQueuePage(ledger, { listId: list.id, limit: 100 });
  for (const [i, { photoId }] of photos.entries()) {
    // Every second photo has two plants more, every fourth a weed that is a plant, and one is open.
    const changes: NewCorrection[] = [{ id: randomUUID(), kind: "review" }];
    const add = { kind: "add", classId: 0, boxXyxy: [0, 0, 5, 5] } as const;
    if (i % 2 === 0) for (const id of [randomUUID(), randomUUID()]) changes.push({ id, ...add });
    if (i % 4 === 0) {
      changes.push({ id: randomUUID(), kind: "reclassify", object: "p4", classId: 0 });
    }
    const corrections = i === 39 ? changes.slice(1) : changes;
    if (corrections.length === 0) continue;
    await correctPhoto(ledger, { recipeId, photoId, version: 0, by: "ada", corrections });
  }
  const estimate = (await readReviewEstimate(ledger, list))!;
  assert.deepEqual(
    [estimate.progress.reviewed, estimate.progress.open, estimate.all.predicted],
    [39, 1, 1000],
  );
  assert.deepEqual(estimate.all.sample, { predicted: 195, confirmed: 185, count: 235 });
  assert.ok(Math.abs(estimate.all.total!.value - (1000 * 235) / 195) < 1e-9);
  const { low, high } = estimate.all.total!.interval!;
  assert.ok(low > 1100 && low < 1180 && high > 1230 && high < 1320, `${low} ${high}`);
  assert.equal(estimate.all.total!.wrongPhotos, 20);
  assert.ok(Math.abs(estimate.all.precision!.value - 185 / 195) < 1e-9);
  assert.ok(Math.abs(estimate.all.recall!.value - 185 / 235) < 1e-9);
  assert.deepEqual(
    estimate.classes.map(({ name, predicted, sample }) => [
      name,
      predicted,
      ...Object.values(sample),
    ]),
    [
      ["plant", 800, 156, 156, 206],
      ["weed", 200, 39, 29, 29],
    ],
  );
  // What is forgotten is not in the sample any more, and is said.
  await forgetPhotos(ledger, [photos[0]!.source!]);
  const after = (await readLatestEstimate(ledger, { recipeId }))!;
  assert.deepEqual([after.progress.reviewed, after.progress.gone], [38, 1]);
  const doubtful = await drawReviewList(ledger, { ...draw, kind: "outliers" });
  assert.equal(await readReviewEstimate(ledger, doubtful), undefined);
  assert.equal((await readLatestEstimate(ledger, { recipeId }))!.list.id, list.id);
});
