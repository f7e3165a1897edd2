import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { isOrangeryError } from "../../errors.ts";
import { readListedPhotos } from "../browse/listed-entries.ts";
import { readPhotoPage } from "../browse/photo-pages.ts";
import { readRecipeChoices } from "../browse/progress.ts";
import type { Ledger } from "../ledger.ts";
import { openLedger } from "../open-ledger.ts";
import { forgetPhotos } from "../photos/forget-photos.ts";
import type { Recipe } from "../recipe.ts";
import {
  foundPhoto,
  lowRecipe,
  lowResult,
  plainRecipe,
  plainResult,
  regionRecipe,
  regionResult,
} from "../results/photo-results.fixture.ts";
import { ResultStore } from "../results/result-store.ts";
import type { StoredResult } from "../results/stored-results.ts";
import type { Change } from "./change.ts";
import { type CorrectPhotoOptions, correctPhoto } from "./correct-photo.ts";
import {
  type ReadChosenCountsOptions,
  readChosenCounts,
  readChosenTotals,
} from "./counts/corrected-counts.ts";
import { type ReadChosenResultsOptions, readChosenResults } from "./counts/corrected-results.ts";
import { drawReviewList } from "./draw-list.ts";
import { holdPhoto, releaseHolds } from "./holds.ts";
import { type PhotoReview, readPhotoReview } from "./read-review.ts";
import { readReviewList, readReviewLists } from "./review-list.ts";
import { readQueuePage, readQueueProgress, takeNextPhoto } from "./review-queue.ts";

async function openRecorded(
  location: string,
  recipe: Recipe,
  photos: Parameters<ResultStore["record"]>[0],
) {
  const ledger = await openLedger(location);
  const store = await ResultStore.open(ledger, recipe);
  await store.record(photos);
  const { recipes } = await readRecipeChoices(ledger);
  const recipeId = recipes.find(({ hash }) => hash === recipe.hash)!.id;
  const page = await readPhotoPage(ledger, { recipeId, limit: 1000 });
  const photoIds = page.photos.map(({ photoId }) => photoId);
  const dispose = () => ledger[Symbol.asyncDispose]();
  return { ledger, store, recipeId, photoIds, [Symbol.asyncDispose]: dispose };
}

/** Makes changes one after the other, as `ada`. */
async function correct(
  ledger: Ledger,
  options: Omit<CorrectPhotoOptions, "corrections" | "by"> & { by?: string },
  ...changes: Change[]
): Promise<PhotoReview> {
  const corrections = changes.map((change) => ({ id: randomUUID(), ...change }));
  return await correctPhoto(ledger, { by: "ada", ...options, corrections });
}

function summary({ objects, counts }: PhotoReview) {
  return {
    objects: objects.map(({ id, name, isCounted, region }) => [id, name, isCounted, region]),
    counts: counts.map(({ region, name, ...n }) =>
      [region, name, n.predicted, n.confirmed, n.count].join(" "),
    ),
  };
}

/** What reviews do the same on SQLite and on PostgreSQL. */
export const reviewConformance: readonly {
  readonly name: string;
  check(location: string): Promise<void>;
}[] = [
  {
    name: "corrections lie beside what was found, are undone, and are undone no more",
    async check(location) {
      await using opened = await openRecorded(location, plainRecipe, [
        foundPhoto(1),
        { ...foundPhoto(1), source: "/copy.jpg" },
      ]);
      const { ledger, recipeId, photoIds } = opened;
      const photo = { recipeId, photoId: photoIds[1]! };
      const before = await readPhotoReview(ledger, photo);
      assert.deepEqual([before.version, before.reviewed, before.corrections], [0, undefined, []]);
      assert.deepEqual(summary(before).counts, ["0 plant 2 2 2", "0 weed 1 1 1"]);
      const after = await correct(
        ledger,
        { ...photo, version: 0 },
        { kind: "add", classId: 0, boxXyxy: [1, 2, 30.123, 40] },
        { kind: "remove", object: "p0" },
        { kind: "move", object: "c1", boxXyxy: [1, 2, 31, 40] },
        { kind: "reclassify", object: "p1", classId: 1 },
        { kind: "review" },
      );
      assert.deepEqual(summary(after), {
        objects: [
          ["p0", "plant", false, undefined],
          ["p1", "weed", true, undefined],
          ["p2", "weed", true, undefined],
          ["c1", "plant", true, undefined],
        ],
        counts: ["0 plant 2 0 1", "0 weed 1 1 2"],
      });
      assert.deepEqual([after.version, after.reviewed?.by], [5, "ada"]);
      assert.deepEqual(after.objects[3]!.boxXyxy, [1, 2, 31, 40]);
      // The same bytes are the same picture.
      const copy = { recipeId, photoId: photoIds[0]! };
      assert.deepEqual(summary(await readPhotoReview(ledger, copy)), summary(after));
      const { counts } = (
        await readListedPhotos(ledger, { recipeId, photoIds: [photo.photoId] })
      )[0]!.result!;
      assert.deepEqual(
        counts.map(({ name, count }) => [name, count]),
        [
          ["plant", 2],
          ["weed", 1],
        ],
      );
      const undone = await correct(
        ledger,
        { ...photo, version: 5, by: "bob" },
        { kind: "undo", undoneNumber: 2 },
        { kind: "undo", undoneNumber: 5 },
        { kind: "undo", undoneNumber: 1 },
      );
      assert.deepEqual(summary(undone).counts, ["0 plant 2 1 1", "0 weed 1 1 2"]);
      assert.equal(undone.reviewed, undefined);
      const again = await correct(
        ledger,
        { ...photo, version: 8 },
        { kind: "undo", undoneNumber: 8 },
      );
      assert.deepEqual(summary(again).counts, ["0 plant 2 1 2", "0 weed 1 1 2"]);
      assert.deepEqual(
        again.corrections.map(({ number, kind, madeBy }) => `${number} ${kind} ${madeBy}`),
        [
          ...["1 add ada", "2 remove ada", "3 move ada", "4 reclassify ada", "5 review ada"],
          ...["6 undo bob", "7 undo bob", "8 undo bob", "9 undo ada"],
        ],
      );
      const { rows } = await ledger.read((db) =>
        sql<object>`select source, name, predicted, confirmed, count, reviewed_by
          from corrected_count order by source, name`.execute(db),
      );
      assert.deepEqual(
        rows.map((row) => Object.values(row)),
        ["/copy.jpg", foundPhoto(1).source].flatMap((source) => [
          [source, "plant", 2, 1, 2, null],
          [source, "weed", 1, 1, 2, null],
        ]),
      );
      await forgetPhotos(ledger, ["/"]);
      const left = sql<{ n: number }>`select (select count(*) from correction) +
        (select count(*) from review) + (select count(*) from review_count) as n`;
      assert.equal((await ledger.read((db) => left.execute(db))).rows[0]?.n, 0);
    },
  },
  {
    name: "a region that is none takes its objects along, and a moved object is in its new region",
    async check(location) {
      await using opened = await openRecorded(location, regionRecipe, [
        foundPhoto(1, regionResult()),
      ]);
      const { ledger, recipeId, photoIds } = opened;
      const photo = { recipeId, photoId: photoIds[0]! };
      const moved = await correct(
        ledger,
        { ...photo, version: 0 },
        { kind: "move", object: "p0", boxXyxy: [3, 1, 5, 3] },
        { kind: "add", classId: 0, boxXyxy: [0, 0, 1, 1] },
        { kind: "add", classId: 0, boxXyxy: [6, 3, 8, 4] },
      );
      assert.deepEqual(summary(moved), {
        objects: [
          ["p0", "plant", true, 2],
          ["p1", "plant", true, 1],
          ["p2", "plant", true, 0],
          ["c2", "plant", true, 1],
          ["c3", "plant", false, 0],
        ],
        counts: ["0 plant 3 3 4", "1 plant 2 1 2", "2 plant 0 0 1"],
      });
      const rejected = await correct(
        ledger,
        { ...photo, version: 3 },
        { kind: "reject-region", region: 1 },
      );
      assert.deepEqual(summary(rejected).counts, [
        "0 plant 3 2 2",
        "1 plant 2 0 0",
        "2 plant 0 0 1",
      ]);
      assert.deepEqual([...rejected.rejectedRegions], [1]);
      await assert.rejects(
        correct(ledger, { ...photo, version: 4 }, { kind: "reject-region", region: 1 }),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    },
  },
  {
    name: "of two people on one photo none loses anything, and the later one is answered so",
    async check(location) {
      await using opened = await openRecorded(location, plainRecipe, [foundPhoto(1)]);
      await using other = await openLedger(location);
      const { ledger, recipeId, photoIds } = opened;
      const photo = { recipeId, photoId: photoIds[0]! };
      const add = (by: string, left: number) => ({
        ...{ ...photo, version: 0, by },
        corrections: [
          { id: randomUUID(), kind: "add", classId: 0, boxXyxy: [left, 0, left + 1, 1] } as const,
        ],
      });
      const wishes = Array.from({ length: 8 }, (_, i) => add(i % 2 === 0 ? "ada" : "bob", i));
      const outcomes = await Promise.allSettled(
        wishes.map((wish, i) => correctPhoto(i % 2 === 0 ? ledger : other, wish)),
      );
      const first = outcomes.findIndex(({ status }) => status === "fulfilled");
      const conflicts = outcomes.flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason] : [],
      );
      assert.equal(conflicts.length, 7);
      for (const error of conflicts) {
        assert.ok(isOrangeryError(error, "REVIEW_CONFLICT"), String(error));
        const { expected, came, since } = error.details as { [key: string]: unknown[] };
        assert.deepEqual([expected, came, since?.length], [0, 1, 1]);
        assert.match(error.message, new RegExp(`${wishes[first]!.by} corrected it`));
      }
      // Recording it again, as after an answer that was lost, changes nothing.
      assert.equal((await correctPhoto(other, wishes[first]!)).version, 1);
      const later = wishes[(first + 1) % 8]!;
      assert.equal((await correctPhoto(other, { ...later, version: 1 })).version, 2);
      const { corrections } = await readPhotoReview(ledger, photo);
      assert.deepEqual(
        corrections.map(({ id }) => id),
        [wishes[first]!, later].map(({ corrections: [only] }) => only!.id),
      );
    },
  },
  {
    name: "what cannot be corrected so is refused, and nothing of it is recorded",
    async check(location) {
      await using opened = await openRecorded(location, plainRecipe, [foundPhoto(1)]);
      const { ledger, recipeId, photoIds } = opened;
      const photo = { recipeId, photoId: photoIds[0]!, version: 0 };
      const good: Change = { kind: "remove", object: "p0" };
      const bad: unknown[] = [
        good,
        { kind: "remove", object: "p3" },
        { kind: "remove", object: "c1" },
        { kind: "move", object: "p1", boxXyxy: [0, 0, 1001, 5] },
        { kind: "move", object: "p1", boxXyxy: [5, 5, 5, 9] },
        { kind: "add", classId: 0, boxXyxy: [0, 0, Number.NaN, 1] },
        { kind: "add", classId: 0, boxXyxy: "0,0,1,1" },
        { kind: "add", classId: 2, boxXyxy: [0, 0, 1, 1] },
        { kind: "reclassify", object: "p1", classId: 0.5 },
        { kind: "reject-region", region: 1 },
        { kind: "undo", undoneNumber: 2 },
        { kind: "undo", undoneNumber: "1; drop table correction" },
        { kind: "erase" },
      ];
      for (const change of bad) {
        await assert.rejects(
          correct(ledger, photo, good, change as Change),
          (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
          JSON.stringify(change),
        );
      }
      const refused: Partial<CorrectPhotoOptions>[] = [
        { by: " " },
        { by: "a\nb" },
        { version: -1 },
        { photoId: 1e9 },
        { corrections: [] },
        { corrections: [{ ...good, id: "1" }] },
      ];
      for (const options of refused) {
        const corrections = [{ ...good, id: randomUUID() }];
        await assert.rejects(
          correctPhoto(ledger, { ...photo, by: "ada", corrections, ...options }),
          (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
          JSON.stringify(options),
        );
      }
      assert.equal((await readPhotoReview(ledger, photo)).version, 0);
    },
  },
  {
    name: "a sample is fixed when it is drawn, and those who ask at once get different photos",
    async check(location) {
      await using opened = await openRecorded(
        location,
        plainRecipe,
        Array.from({ length: 40 }, (_, i) => foundPhoto(i, plainResult(i % 5))),
      );
      const { ledger, recipeId } = opened;
      await using other = await openLedger(location);
      const draw = { recipeId, kind: "sample", by: "ada", seed: 7 } as const;
      const token = randomUUID();
      const list = await drawReviewList(ledger, { ...draw, size: 12, token });
      assert.deepEqual(await drawReviewList(other, { ...draw, size: 12, token }), list);
      const { madeAt: _, ...facts } = list;
      assert.deepEqual(facts, {
        ...{ id: list.id, recipeId, kind: "sample", seed: 7, size: 12, filter: {}, photos: 40 },
        ...{ predicted: new Map(Object.entries({ plant: 80, weed: 40 })), madeBy: "ada" },
      });
      const photosOf = async (listId: number) =>
        (await readQueuePage(ledger, { listId, limit: 100 })).photos.map(({ source }) => source);
      const drawn = await photosOf(list.id);
      assert.equal(new Set(drawn).size, 12);
      const larger = await drawReviewList(ledger, { ...draw, size: 20 });
      assert.deepEqual((await photosOf(larger.id)).slice(0, 12), drawn);
      const otherSeed = await drawReviewList(ledger, { ...draw, size: 12, seed: 8 });
      assert.notDeepEqual(await photosOf(otherSeed.id), drawn);
      assert.deepEqual(
        (await readReviewLists(ledger, { recipeId })).map(({ id }) => id),
        [otherSeed.id, larger.id, list.id],
      );
      const filter = { nameContains: "00000" };
      const few = await drawReviewList(ledger, { ...draw, filter });
      assert.deepEqual([few.photos, few.filter], [10, filter]);
      assert.equal((await photosOf(few.id)).length, 10);
      const none = drawReviewList(ledger, { ...draw, filter: { minCount: 100 } });
      await assert.rejects(none, (error) => isOrangeryError(error, "INVALID_ARGUMENT"));

      const taken = await Promise.all(
        Array.from({ length: 14 }, (_, i) =>
          takeNextPhoto(i % 2 === 0 ? ledger : other, {
            ...{ listId: list.id, by: "ada", session: `${i}` },
          }),
        ),
      );
      const positions = taken.flatMap((photo) => photo?.position ?? []);
      assert.equal(positions.length, 12);
      assert.equal(new Set(positions).size, 12);
      const first = taken.find((photo) => photo?.position === 1)!;
      const { session } = first.hold!;
      const photo = { recipeId, photoId: first.photoId };
      const elsewhere = { ...photo, by: "bob", session: "b" };
      const refused = await holdPhoto(other, elsewhere);
      assert.deepEqual([refused.isTaken, refused.hold.by], [false, "ada"]);
      assert.equal((await holdPhoto(other, { ...elsewhere, session })).isTaken, true);
      await releaseHolds(ledger, { session, resultId: first.resultId });
      // A hold that is over is nobody's.
      assert.equal((await holdPhoto(other, { ...elsewhere, holdMs: 0 })).isTaken, true);
      await correct(ledger, { ...photo, version: 0 }, { kind: "review" });
      const next = { listId: list.id, by: "bob", session: "b" };
      assert.equal(await takeNextPhoto(other, next), undefined);
      const [second] = (await readQueuePage(ledger, { listId: list.id, after: 1, limit: 1 }))
        .photos;
      await forgetPhotos(ledger, [second!.source!]);
      const progress = { photos: 12, reviewed: 1, gone: 1, open: 10, held: 10 };
      assert.deepEqual(await readQueueProgress(ledger, list.id), progress);
      await releaseHolds(ledger, {
        session: taken.find((photo) => photo?.position === 3)!.hold!.session,
      });
      const third = await takeNextPhoto(other, { ...next, after: 9 });
      assert.equal(third?.position, 3);
      const open = await readQueuePage(ledger, { listId: list.id, limit: 2, isOpenOnly: true });
      assert.deepEqual([open.photos.map(({ position }) => position), open.next], [[3, 4], 4]);
      assert.deepEqual([open.photos[0]?.hold?.by, open.photos[0]?.state], ["bob", "open"]);
      assert.deepEqual(await readReviewList(other, list.id), list);
      assert.equal(await readReviewList(other, 1e6), undefined);
    },
  },
  {
    name: "photos that are worth a look are listed: doubtful ones, strange ones, warnings",
    async check(location) {
      const strange = foundPhoto(99, { ...plainResult(60), warnings: ["nearly-black"] });
      await using opened = await openRecorded(location, plainRecipe, [
        ...Array.from({ length: 12 }, (_, i) => foundPhoto(i, plainResult(5 + (i % 3)))),
        strange,
        { ...strange, source: "/photos/copy.jpg" },
      ]);
      const { ledger, recipeId } = opened;
      const draw = async (kind: "threshold" | "outliers" | "warnings", of = recipeId) => {
        const { id, seed } = await drawReviewList(ledger, { recipeId: of, kind, by: "ada" });
        const { photos } = await readQueuePage(ledger, { listId: id, limit: 100 });
        return { seed, photos: photos.map(({ source, reason }) => [source, reason]) };
      };
      assert.deepEqual(await draw("warnings"), {
        seed: undefined,
        photos: [[strange.source, 1]],
      });
      const outliers = await draw("outliers");
      assert.deepEqual(
        outliers.photos.map(([source]) => source),
        [strange.source],
      );
      assert.ok(Number(outliers.photos[0]?.[1]) > 5);
      assert.deepEqual((await draw("threshold")).photos, []);
      await using low = await openRecorded(location, lowRecipe, [foundPhoto(1, lowResult())]);
      // Two that score 0.2 are near 0.25; one of 0.5 is not.
      assert.deepEqual((await draw("threshold", low.recipeId)).photos, [[foundPhoto(1).source, 2]]);
    },
  },
  {
    name: "results and counts are read as people left them, where that is asked for",
    async check(location) {
      await using opened = await openRecorded(location, regionRecipe, [
        foundPhoto(1, regionResult()),
        { ...foundPhoto(1, regionResult()), source: "/photos/copy.jpg" },
        foundPhoto(2, regionResult()),
        foundPhoto(3, regionResult()),
      ]);
      const { ledger, recipeId, photoIds } = opened;
      const at = (i: number) => ({ recipeId, photoId: photoIds[i]!, version: 0 });
      // Photos by name: 1, 2, 3, the copy of 1.
      await correct(
        ledger,
        at(0),
        { kind: "add", classId: 0, boxXyxy: [3, 1, 5.4, 3] },
        { kind: "remove", object: "p2" },
        { kind: "reject-region", region: 1 },
      );
      await correct(ledger, at(1), { kind: "review" });
      const { hash: recipeHash } = regionRecipe;
      const read = async (options: ReadChosenResultsOptions) => {
        const results: StoredResult[] = [];
        for await (const result of readChosenResults(ledger, options)) results.push(result);
        return results;
      };
      const corrected = await read({ counts: "corrected" });
      assert.deepEqual(
        corrected.map(({ source, objects }) => [source, objects.length]),
        [
          [foundPhoto(1).source, 1],
          [foundPhoto(2).source, 3],
          [foundPhoto(3).source, 3],
          ["/photos/copy.jpg", 1],
        ],
      );
      const [first] = corrected as [StoredResult];
      assert.deepEqual(
        [...first.objects].map(({ name, score, boxXyxy }) => [
          name,
          score,
          ...boxXyxy.map(Math.fround),
        ]),
        [["plant", 1, 3, 1, Math.fround(5.4), 3]],
      );
      assert.deepEqual(
        first.regions?.map(({ number, name }) => [number, name]),
        [[1, "tray"]],
      );
      assert.deepEqual([...first.objectRegions!], [1]);
      assert.deepEqual(first.counts, [
        { region: 0, name: "plant", count: 1 },
        { region: 1, name: "plant", count: 1 },
      ]);
      const byRegion: unknown[] = [];
      for await (const photo of readChosenCounts(ledger, { recipeHash, counts: "corrected" })) {
        byRegion.push([photo.source, photo.regionCount, photo.counts]);
      }
      assert.deepEqual(
        byRegion,
        corrected.map(({ source, regions, counts }) => [source, regions?.length, counts]),
      );
      const predicted = await read({});
      assert.deepEqual(
        predicted.map(({ objects }) => objects.length),
        [3, 3, 3, 3],
      );
      const reviewed = await read({ counts: "corrected", isReviewedOnly: true });
      assert.deepEqual(
        reviewed.map(({ source }) => source),
        [foundPhoto(2).source],
      );
      const totals = async (options: Omit<ReadChosenCountsOptions, "recipeHash">) => {
        const total = await readChosenTotals(ledger, { recipeHash, ...options });
        let sum = 0;
        for await (const photo of readChosenCounts(ledger, { recipeHash, ...options })) {
          const onPhoto = photo.counts.filter(({ region }) => region === 0);
          assert.equal(
            photo.objectCount,
            onPhoto.reduce((count, row) => count + row.count, 0),
          );
          sum += photo.objectCount;
        }
        assert.deepEqual([total.objectCount, total.countByName.get("plant")], [sum, sum]);
        return [total.photos, sum, total.people];
      };
      const counts = "corrected" as const;
      assert.deepEqual(await totals({}), [4, 12, undefined]);
      assert.deepEqual(await totals({ counts }), [4, 8, { corrected: 3, reviewed: 1 }]);
      assert.deepEqual(await totals({ counts, under: foundPhoto(1).source }), [
        ...[1, 1],
        { corrected: 1, reviewed: 0 },
      ]);
      assert.deepEqual(await totals({ counts, countDuplicatesOnce: true }), [
        ...[3, 7],
        { corrected: 2, reviewed: 1 },
      ]);
      const question = { minScore: 0.3 };
      for (const refused of [read({ counts, question }), totals({ counts, question })]) {
        await assert.rejects(refused, (error) => isOrangeryError(error, "INVALID_ARGUMENT"));
      }
    },
  },
];
