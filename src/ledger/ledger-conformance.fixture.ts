import assert from "node:assert/strict";
import { sql } from "kysely";
import { isOrangeryError, OrangeryError } from "../errors.ts";
import type { EntryFilter } from "./browse/entry-filter.ts";
import type { ListedEntry } from "./browse/listed-entries.ts";
import { readPhotoDetails, readPhotoPlace } from "./browse/photo-details.ts";
import type { PhotoPageOptions } from "./browse/photo-page.ts";
import { readPhotoPage } from "./browse/photo-pages.ts";
import {
  readLatestResults,
  readRecipeChoices,
  readStates,
  readTotalsPart,
} from "./browse/progress.ts";
import { compareConformance } from "./compare/compare-conformance.fixture.ts";
import type { Ledger } from "./ledger.ts";
import { managementConformance } from "./management/management-conformance.fixture.ts";
import { openLedger } from "./open-ledger.ts";
import { lastIdOf } from "./parts.ts";
import { forgetPhotos } from "./photos/forget-photos.ts";
import type { PhotoSelection } from "./photos/selection.ts";
import type { Recipe } from "./recipe.ts";
import { areScoresPacked, packOldScores } from "./results/pack-old-scores.ts";
import {
  aboveHalf,
  contentOf,
  foundPhoto,
  lowRecipe,
  lowResult,
  plainRecipe,
  plainResult,
  regionRecipe,
  regionResult,
} from "./results/photo-results.fixture.ts";
import { readCounts, readCountTotals, readScores } from "./results/read-counts.ts";
import type { ObjectCount } from "./results/result-rows.ts";
import { ResultStore } from "./results/result-store.ts";
import { ResultWriter } from "./results/result-writer.ts";
import { SharedRows } from "./results/shared-rows.ts";
import {
  readFailures,
  readRecipes,
  readResults,
  type StoredResult,
} from "./results/stored-results.ts";
import { reviewConformance } from "./review/review-conformance.fixture.ts";
import type { CountQuestion } from "./scores/count-question.ts";

/** One thing that a results database does the same on SQLite and on PostgreSQL. */
export interface LedgerCase {
  readonly name: string;
  /** `location` is of an empty database, or of a file that is not there yet. */
  check(location: string): Promise<void>;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** One opening with the store of a recipe. */
async function openStore(location: string, recipe: Recipe = plainRecipe) {
  const ledger = await openLedger(location);
  const store = await ResultStore.open(ledger, recipe);
  return { ledger, store, [Symbol.asyncDispose]: () => ledger[Symbol.asyncDispose]() };
}

async function query(ledger: Ledger, text: string): Promise<Record<string, unknown>[]> {
  const { rows } = await ledger.read((db) =>
    sql<Record<string, unknown>>`${sql.raw(text)}`.execute(db),
  );
  return rows.map((row) => ({ ...row }));
}

async function rowCounts(ledger: Ledger): Promise<object | undefined> {
  const tables = ["photo", "entry", "result", "result_objects", "result_region", "result_count"];
  const counts = tables.map((table) => `(select count(*) from ${table}) as ${table}`);
  return (await query(ledger, `select ${counts.join(", ")}`))[0];
}

function byRegion(a: ObjectCount, b: ObjectCount): number {
  return a.region - b.region || (a.name < b.name ? -1 : 1);
}

/** Without what differs from run to run, and with masks that can be compared. */
function comparable(stored: StoredResult) {
  const { id, createdAt, objects, regions, ...rest } = stored;
  return {
    ...rest,
    objects: Array.from(objects, ({ mask, ...object }) => ({ ...object, mask: mask?.toRle() })),
    names: objects.names,
    regions: regions?.map(({ mask, ...region }) => ({ ...region, mask: mask.toRle() })),
  };
}

export const ledgerConformance: readonly LedgerCase[] = [
  {
    name: "many that open a new database at once all succeed, and find it empty",
    async check(location) {
      const ledgers = await Promise.all(Array.from({ length: 6 }, () => openLedger(location)));
      assert.deepEqual(await collect(readResults(ledgers[5]!)), []);
      assert.deepEqual(await readRecipes(ledgers[0]!), []);
      await Promise.all(ledgers.map((ledger) => ledger[Symbol.asyncDispose]()));
      await ledgers[0]![Symbol.asyncDispose]();
    },
  },
  {
    name: "a misspelt option is refused by all that read, and a closed database by all",
    async check(location) {
      const refused = { code: "INVALID_ARGUMENT" };
      const misspelt = { recipehash: "d2d5" };
      const ledger = await openLedger(location);
      const all = { recipeHash: "d2d5" };
      const readers = (options: object) => [
        collect(readResults(ledger, options)),
        collect(readFailures(ledger, options)),
        collect(readCounts(ledger, options)),
        collect(readScores(ledger, options)),
        readCountTotals(ledger, { ...all, ...options }),
        readRecipes(ledger, options),
      ];
      await Promise.all(readers({}));
      for (const options of [misspelt, { under: 5 }]) {
        for (const reading of readers(options)) await assert.rejects(reading, refused);
      }
      await ledger[Symbol.asyncDispose]();
      for (const reading of readers({})) {
        await assert.rejects(reading, { message: /Expected an open results database, but .* was/ });
      }
      await assert.rejects(openLedger(location, { readonly: true } as object), refused);
      await assert.rejects(openLedger(undefined as unknown as string), refused);
    },
  },
  {
    name: "an empty place is no results database to read",
    async check(location) {
      await assert.rejects(openLedger(location, { readOnly: true }), (error) =>
        isOrangeryError(error, "LEDGER_NOT_FOUND"),
      );
    },
  },
  {
    name: "a result comes back as it was recorded: with regions and without",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      await plain.store.record([foundPhoto(1)]);
      await regions.store.record([foundPhoto(1, regionResult())]);
      await using reader = await openLedger(location, { readOnly: true });
      const stored = await collect(readResults(reader));
      const { source, contentSha256 } = foundPhoto(1);
      const identity = { id: 0, source, contentSha256, duplicateOf: undefined };
      const facts = { ...identity, createdAt: "", capture: {} };
      assert.deepEqual(stored.map(comparable), [
        comparable({
          ...facts,
          ...plainResult(2),
          objects: stored[0]!.objects,
          recipeHash: plainRecipe.hash,
          fallbackReason: undefined,
          warnings: [],
        }),
        comparable({
          ...facts,
          ...regionResult(),
          recipeHash: regionRecipe.hash,
          warnings: ["nearly-black", "no-contrast"],
        }),
      ]);
      for (const [i, score] of stored[0]!.objects.scores.entries()) {
        assert.ok(Math.abs(score - plainResult(2).objects.scores[i]!) < 1e-5);
      }
      assert.deepEqual(stored[0]!.objects.boxesXyxy, plainResult(2).objects.boxesXyxy);
      for (const { createdAt } of stored) {
        assert.equal(new Date(createdAt).toISOString(), createdAt);
      }
    },
  },
  {
    name: "recording a photo again changes nothing",
    async check(location) {
      await using first = await openStore(location);
      await using second = await openStore(location);
      await first.store.record([foundPhoto(1)]);
      const [before] = await collect(readResults(first.ledger));
      await second.store.record([foundPhoto(1, plainResult(9)), foundPhoto(1, plainResult(8))]);
      const after = await collect(readResults(first.ledger));
      assert.deepEqual(after, [before]);
      assert.deepEqual(await rowCounts(first.ledger), {
        ...{ photo: 1, entry: 1, result: 1 },
        ...{ result_objects: 1, result_region: 0, result_count: 2 },
      });
    },
  },
  {
    name: "rows that results share are made once, and again after a transaction is rolled back",
    async check(location) {
      await using ledger = await openLedger(location);
      const shared = new SharedRows();
      const cpu = { device: "cpu" };
      const find = async () =>
        (await ledger.write((transaction) => shared.placementIds(transaction, [cpu]))).get(cpu);
      const rolledBack = ledger.write(async (transaction) => {
        await shared.placementIds(transaction, [cpu]);
        await shared.classNamesIds(transaction, ["[]"]);
        throw new OrangeryError("NO_SPACE", "the disk is full");
      });
      await assert.rejects(rolledBack, /the disk is full/);
      assert.deepEqual(await query(ledger, "select * from placement"), []);
      const id = await find();
      const rows = [{ id, device: "cpu", fallback_reason: "" }];
      for (let again = 0; again < 2; again++) {
        assert.equal(await find(), id);
        assert.deepEqual(await query(ledger, "select * from placement"), rows);
      }
    },
  },
  {
    name: "workers that record the same photos at the same moment, in any order, record each once",
    async check(location) {
      const workers = await Promise.all(Array.from({ length: 4 }, () => openStore(location)));
      const photos = Array.from({ length: 200 }, (_, i) => foundPhoto(i));
      for (let round = 0; round < 3; round++) {
        const part = photos.slice(40 * round, 40 * round + 120);
        await Promise.all(
          workers.map(({ store }, i) => store.record(i % 2 === 0 ? part : part.toReversed())),
        );
      }
      const [{ ledger }] = workers as [(typeof workers)[0]];
      assert.deepEqual(await rowCounts(ledger), {
        ...{ photo: 200, entry: 200, result: 200 },
        ...{ result_objects: 200, result_region: 0, result_count: 400 },
      });
      for (const worker of workers) await worker[Symbol.asyncDispose]();
    },
  },
  {
    name: "photos of identical bytes share a result, and one of them is enough to know it",
    async check(location) {
      await using setup = await openStore(location, regionRecipe);
      const { store } = setup;
      const photo = foundPhoto(1, regionResult());
      const twin = { ...photo, source: "/twin.jpg" };
      const { result: _, ...late } = { ...photo, source: "/late.jpg" };
      assert.equal(await store.recordKnown(late), false);
      await store.record([photo, twin]);
      assert.equal(await store.recordKnown(late), true);
      assert.deepEqual(
        [...(await store.knownResults([contentOf(1), contentOf(2)]))],
        [contentOf(1)],
      );
      const stored = await collect(readResults(setup.ledger));
      assert.deepEqual(
        stored.map(({ id, source }) => [id, source]),
        ["/late.jpg", photo.source, "/twin.jpg"].map((source) => [stored[0]!.id, source]),
      );
      assert.deepEqual(await rowCounts(setup.ledger), {
        ...{ photo: 3, entry: 3, result: 1 },
        ...{ result_objects: 1, result_region: 2, result_count: 3 },
      });
    },
  },
  {
    name: "any number of results is recorded at once, and read in the order of their sources",
    async check(location) {
      await using setup = await openStore(location);
      const photos = Array.from({ length: 3500 }, (_, i) =>
        foundPhoto(i, plainResult(1 + (i % 2))),
      );
      await setup.store.record(photos.toReversed());
      const sources: string[] = [];
      for await (const { source } of readResults(setup.ledger)) sources.push(source);
      assert.deepEqual(
        sources,
        photos.map(({ source }) => source),
      );
      const known = await setup.store.knownSources(photos);
      assert.equal(known.size, 3500);
    },
  },
  {
    name: "many photos of the same rank are each on one page, whatever the order and the time",
    async check(location) {
      await using setup = await openStore(location);
      const { ledger } = setup;
      // More than 2,000 with each of most filters: few photos are found at once.
      const plants = (i: number) => [2, 0, 2, 2, 2, 1, 2, 2, 2, 2][i % 10]!;
      const photos = Array.from({ length: 2600 }, (_, i) => foundPhoto(i, plainResult(plants(i))));
      await setup.store.record(photos);
      const sources = photos.map(({ source }) => source);
      const recipeId = (await readRecipeChoices(ledger)).newestId!;
      const indexes = new Map(sources.map((source, i) => [source, i]));
      const plantsOf = (source: string) => plants(indexes.get(source)!);
      const inOrder = {
        most: (a: number, b: number) => b - a,
        fewest: (a: number, b: number) => a - b,
      };
      const orders = ["name", "newest", "most", "fewest", "surest", "unsurest"] as const;
      const filters: readonly [EntryFilter, readonly string[]][] = [
        [{}, sources],
        [{ minScore: 0.85, className: "weed" }, sources],
        [{ minCount: 3, maxScore: 0.95 }, sources.filter((_, i) => plants(i) === 2)],
        [{ className: "plant" }, sources],
        [{ className: "plant", minCount: 1 }, sources.filter((_, i) => plants(i) > 0)],
        [{ className: "plant", maxCount: 1 }, sources.filter((_, i) => plants(i) < 2)],
        [{ className: "plant", maxCount: 0 }, sources.filter((_, i) => plants(i) === 0)],
        [{ className: "plant", minCount: 3 }, []],
        // All have a better one and a worse one.
        [{ minScore: 0.89992, maxScore: 0.89998 }, []],
      ];
      for (const order of orders) {
        for (const [filter, expected] of filters) {
          // Counts have an order of their own where they are of a class.
          if (filter.className === "plant" && order !== "most" && order !== "fewest") continue;
          const found: string[] = [];
          let after: string | undefined;
          do {
            const limit = 700;
            const options = { recipeId, order, filter, limit, after, budgetMs: 0 };
            const page = await readPhotoPage(ledger, options);
            assert.ok(page.photos.length <= limit);
            found.push(...page.photos.map(({ source }) => source));
            after = page.next;
          } while (after !== undefined);
          const asked = JSON.stringify([order, filter]);
          // There is one weed on each.
          const numbers = filter.className === "weed" ? [] : found.map(plantsOf);
          if (order === "most" || order === "fewest") {
            assert.deepEqual(numbers, numbers.toSorted(inOrder[order]), asked);
          }
          assert.deepEqual(found.toSorted(), expected.toSorted(), asked);
        }
      }
    },
  },
  {
    name: "a process that a newer version has overtaken records nothing, and an older one neither",
    async check(location) {
      await using setup = await openStore(location);
      const { ledger, store } = setup;
      await store.record([foundPhoto(1)]);
      const olderRow = { result_id: 1, name: "other", recipe_id: 1, best_score: 1, worst_score: 1 };
      await assert.rejects(
        ledger.write((db) =>
          db
            .insertInto("result_class")
            .values(olderRow as typeof olderRow & { count: number })
            .execute(),
        ),
      );
      const setVersion = ledger.isInProcess
        ? sql`pragma user_version = 999`
        : sql`update ledger_version set version = 999`;
      await ledger.write((db) => setVersion.execute(db));
      await assert.rejects(store.record([foundPhoto(2)]), (error) =>
        isOrangeryError(error, "LEDGER_NEWER"),
      );
      assert.equal((await collect(readResults(ledger))).length, 1);
    },
  },
  {
    name: "sources are in the order of their bytes, whatever the language",
    async check(location) {
      await using setup = await openStore(location);
      const sources = ["/B.jpg", "/Z.jpg", "/a b.jpg", "/a-b.jpg", "/a.jpg", "/ä.jpg", "/😀.jpg"];
      await setup.store.record(
        sources.toReversed().map((source, i) => ({ ...foundPhoto(i), source })),
      );
      const stored = await collect(readResults(setup.ledger));
      assert.deepEqual(
        stored.map(({ source }) => source),
        sources,
      );
    },
  },
  {
    name: "a later success removes a failure, and a later failure leaves a success",
    async check(location) {
      await using setup = await openStore(location);
      const { store, ledger } = setup;
      const [good, bad] = [foundPhoto(1), foundPhoto(2)];
      const reason = { code: "PHOTO_UNREADABLE", message: "no\0 photo" };
      await store.recordFailure({ source: good.source, reason });
      await store.recordFailure({ source: bad.source, reason });
      await store.recordFailure({
        source: bad.source,
        reason: { ...reason, code: "PHOTO_FAILED" },
      });
      await store.record([good]);
      await store.recordFailure({ source: good.source, reason });
      assert.deepEqual(await collect(readFailures(ledger)), [
        {
          source: bad.source,
          recipeHash: plainRecipe.hash,
          reason: { code: "PHOTO_FAILED", message: "no\u2400 photo" },
          capture: {},
        },
      ]);
      assert.equal((await collect(readResults(ledger))).length, 1);
      assert.deepEqual(
        [...(await store.knownSources([good, bad, { source: "/new.jpg" }]))].sort(),
        [
          [good.source, "done"],
          [bad.source, "failed"],
        ],
      );
    },
  },
  {
    name: "a photo whose bytes have changed is done again, under every recipe",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      const photo = foundPhoto(1);
      await plain.store.record([photo]);
      await regions.store.record([{ ...photo, result: regionResult() }]);
      const changed = { ...photo, sizeBytes: 101, contentSha256: contentOf(2) };
      assert.equal((await plain.store.knownSources([changed])).size, 0);
      await plain.store.record([changed]);
      assert.deepEqual([...(await plain.store.knownSources([changed])).values()], ["done"]);
      assert.equal((await regions.store.knownSources([changed])).size, 0);
      const [left] = await collect(readResults(plain.ledger));
      assert.equal(left?.contentSha256, contentOf(2));
      const failure = { code: "PHOTO_UNREADABLE", message: "gone bad" };
      await plain.store.recordFailure({ ...photo, contentSha256: contentOf(3), reason: failure });
      assert.deepEqual([...(await plain.store.knownSources([photo])).values()], ["failed"]);
    },
  },
  {
    name: "what cannot be recorded is refused, and nothing of its batch is left",
    async check(location) {
      await using setup = await openStore(location);
      for (const bad of [{ source: "" }, { source: "/a\0.jpg" }, { contentSha256: "ABC" }]) {
        await assert.rejects(
          setup.store.record([foundPhoto(1), { ...foundPhoto(2), ...bad }]),
          (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
        );
      }
      const counts = [0, 0].map(() => ({ region: 0, name: "twice", count: 1 }));
      const twice = { ...plainResult(1), counts };
      await assert.rejects(setup.store.record([foundPhoto(1), foundPhoto(2, twice)]));
      assert.deepEqual(await collect(readResults(setup.ledger)), []);
    },
  },
  {
    name: "a writer commits what it was given, and one bad result keeps no other out",
    async check(location) {
      await using setup = await openStore(location);
      const counts = [0, 0].map(() => ({ region: 0, name: "twice", count: 1 }));
      const bad = foundPhoto(50, { ...plainResult(1), counts });
      const failed: number[] = [];
      await using writer = new ResultWriter(setup.store, { maxBatch: 32, maxWaiting: 64 });
      const recorded: Promise<unknown>[] = [];
      for (let number = 0; number < 300; number++) {
        await writer.ready();
        assert.ok(writer.waiting < 64);
        const photo = number === 50 ? bad : foundPhoto(number);
        recorded.push(writer.record(photo).catch(() => failed.push(number)));
      }
      await writer[Symbol.asyncDispose]();
      await Promise.all(recorded);
      assert.deepEqual(failed, [50]);
      await assert.rejects(writer.record(foundPhoto(1)), (error) =>
        isOrangeryError(error, "INVALID_ARGUMENT"),
      );
      assert.equal((await collect(readResults(setup.ledger))).length, 299);
    },
  },
  {
    name: "the views count by photo, region, class and hour, and list failures",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      await plain.store.record([foundPhoto(1, plainResult(2)), foundPhoto(2, plainResult(5))]);
      await regions.store.record([foundPhoto(1, regionResult())]);
      const reason = { code: "PHOTO_NOT_FOUND", message: "gone" };
      await plain.store.recordFailure({ source: "/gone.jpg", reason });
      const { ledger } = plain;
      const [one, two] = [foundPhoto(1).source, foundPhoto(2).source];

      assert.deepEqual(
        await query(
          ledger,
          `select source, name, count, per_megapixel from count_by_photo
           where recipe_hash = '${plainRecipe.hash}' order by source, name`,
        ),
        [
          { source: one, name: "plant", count: 2, per_megapixel: 4 },
          { source: one, name: "weed", count: 1, per_megapixel: 2 },
          { source: two, name: "plant", count: 5, per_megapixel: 10 },
          { source: two, name: "weed", count: 1, per_megapixel: 2 },
        ],
      );
      assert.deepEqual(
        await query(
          ledger,
          `select region, region_name, region_score, area_px, name, count, per_megapixel
           from count_by_region order by region`,
        ),
        [
          { region: 1, region_name: "bed", area_px: 8, count: 2, per_megapixel: 250_000 },
          { region: 2, region_name: "tray", area_px: 6, count: 0, per_megapixel: 0 },
        ].map((row) => ({ region_score: 0.75, name: "plant", ...row })),
      );
      const ofPlain = `where recipe_hash = '${plainRecipe.hash}'`;
      assert.deepEqual(
        await query(
          ledger,
          `select name, photos, count from count_by_class ${ofPlain} order by name`,
        ),
        [
          { name: "plant", photos: 2, count: 7 },
          { name: "weed", photos: 2, count: 2 },
        ],
      );
      assert.deepEqual(await query(ledger, "select * from failure"), [
        {
          source: "/gone.jpg",
          recipe_hash: plainRecipe.hash,
          reason_code: "PHOTO_NOT_FOUND",
          reason_message: "gone",
          attempts: 0,
        },
      ]);
      const hours = await query(
        ledger,
        `select * from throughput_by_hour where recipe_hash = '${regionRecipe.hash}'`,
      );
      const { hour, ...inferred } = hours[0]!;
      assert.match(String(hour), /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/);
      assert.deepEqual(
        [hours.length, inferred],
        [1, { recipe_hash: regionRecipe.hash, device: "cuda:0", photos: 1, objects: 3 }],
      );
      assert.deepEqual(
        await query(
          ledger,
          `select detect_sha256, segment_sha256, object_count, region_count, slice_count, device,
                  fallback_reason, timings_ms
           from photo_result where source = '${one}' order by slice_count`,
        ),
        [
          {
            ...{ detect_sha256: "d".repeat(64), segment_sha256: null, object_count: 3 },
            ...{ region_count: null, slice_count: 1, device: "cpu", fallback_reason: null },
            timings_ms: '{"read":1.5,"detect":20}',
          },
          {
            ...{ detect_sha256: "d".repeat(64), segment_sha256: "5".repeat(64), object_count: 3 },
            ...{ region_count: 2, slice_count: 6, device: "cuda:0" },
            ...{
              fallback_reason: "tensorrt:0 is not there",
              timings_ms: '{"segment":3,"detect":4.5}',
            },
          },
        ],
      );
      assert.deepEqual(
        await query(
          ledger,
          `select source, class_id, name, score, left_px, top_px, right_px, bottom_px, region
           from photo_object where recipe_hash = '${regionRecipe.hash}' order by score`,
        ),
        [
          { score: 0.125, left_px: 7, top_px: 3, right_px: 8, bottom_px: 4, region: 0 },
          { score: 0.25, left_px: 1, top_px: 1, right_px: 2, bottom_px: 2, region: 1 },
          { score: 0.5, left_px: 0, top_px: 0, right_px: 1, bottom_px: 1, region: 1 },
        ].map((row) => ({ source: one, class_id: 0, name: "plant", ...row })),
      );
    },
  },
  {
    name: "the recipes say their models and what there is of each",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      await plain.store.record([foundPhoto(1), { ...foundPhoto(1), source: "/twin.jpg" }]);
      const reason = { code: "PHOTO_NOT_FOUND", message: "gone" };
      await plain.store.recordFailure({ source: "/gone.jpg", reason });
      const [first, second, ...others] = await readRecipes(plain.ledger);
      const [{ createdAt }] = (await collect(readResults(plain.ledger))) as [StoredResult];
      assert.deepEqual(first, {
        ...{ hash: plainRecipe.hash, json: plainRecipe.json, models: { detect: "d".repeat(64) } },
        name: undefined,
        ...{ done: 2, failed: 1, left: 0, objectCount: 6 },
        ...{ firstResultAt: createdAt, lastResultAt: createdAt },
      });
      assert.deepEqual(second, {
        ...{ hash: regionRecipe.hash, json: regionRecipe.json },
        models: { detect: "d".repeat(64), segment: "5".repeat(64) },
        name: undefined,
        ...{ done: 0, failed: 0, left: 0, objectCount: 0 },
        ...{ firstResultAt: undefined, lastResultAt: undefined },
      });
      assert.deepEqual(others, []);
      assert.equal(regions.store.recipe, regionRecipe);
    },
  },
  {
    name: "a photo that has moved is one photo, under every recipe",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      const old = foundPhoto(1);
      const moved = { ...old, source: "/moved/1.jpg" };
      await plain.store.record([old, foundPhoto(2)]);
      await regions.store.record([{ ...old, result: regionResult() }]);
      assert.deepEqual(await plain.store.otherSources(moved), [old.source]);
      assert.deepEqual(await plain.store.otherSources(old), []);
      assert.equal(await plain.store.recordKnown({ ...moved, movedFrom: [old.source] }), true);
      assert.deepEqual(await plain.store.otherSources(moved), []);
      const stored = await collect(readResults(plain.ledger));
      assert.deepEqual(
        stored.map(({ source, recipeHash }) => [source, recipeHash]),
        [
          [moved.source, plainRecipe.hash],
          [moved.source, regionRecipe.hash],
          [foundPhoto(2).source, plainRecipe.hash],
        ],
      );
      const counts = await rowCounts(plain.ledger);
      assert.deepEqual({ ...counts }, { ...counts, photo: 2, entry: 3, result: 3 });
    },
  },
  {
    name: "a photo whose bytes were replaced meanwhile has not moved",
    async check(location) {
      await using setup = await openStore(location);
      const old = foundPhoto(1);
      const moved = { ...old, source: "/moved/1.jpg", movedFrom: [old.source] };
      await setup.store.record([old]);
      await setup.store.record([{ ...foundPhoto(2), source: old.source }]);
      await setup.store.record([moved]);
      const sources = (await collect(readResults(setup.ledger))).map(({ source }) => source);
      assert.deepEqual(sources, [moved.source, old.source]);
    },
  },
  {
    name: "photos of one content are duplicates of the first, and are counted once where asked",
    async check(location) {
      await using setup = await openStore(location);
      const { store, ledger } = setup;
      const twin = (source: string) => ({ ...foundPhoto(1), source });
      await store.record([twin("/b/1.jpg"), twin("/a/1.jpg"), twin("/b/2.jpg"), foundPhoto(2)]);
      const read = async (selection: PhotoSelection) =>
        (await collect(readResults(ledger, selection))).map(({ source, duplicateOf }) =>
          duplicateOf === undefined ? source : `${source} is ${duplicateOf}`,
        );
      const totals = async (selection: PhotoSelection) => {
        const [recipe] = await readRecipes(ledger, selection);
        return [recipe?.done, recipe?.objectCount];
      };
      const other = foundPhoto(2).source;
      const once = { countDuplicatesOnce: true };
      assert.deepEqual(await read({}), [
        "/a/1.jpg",
        "/b/1.jpg is /a/1.jpg",
        "/b/2.jpg is /a/1.jpg",
        other,
      ]);
      assert.deepEqual(await totals({}), [4, 12]);
      assert.deepEqual(await read(once), ["/a/1.jpg", other]);
      assert.deepEqual(await totals(once), [2, 6]);
      assert.deepEqual(await read({ under: "/b" }), ["/b/1.jpg", "/b/2.jpg is /b/1.jpg"]);
      assert.deepEqual(await totals({ under: "/b", ...once }), [1, 3]);
      assert.deepEqual(
        await query(ledger, "select source from photo_result where duplicate_of = '/a/1.jpg'"),
        [{ source: "/b/1.jpg" }, { source: "/b/2.jpg" }],
      );
    },
  },
  {
    name: "photos are selected by the file or folder or URL at or below which they are",
    async check(location) {
      await using setup = await openStore(location);
      const sources = ["/a.jpg", "/a/1.jpg", "/a/b/%_2.jpg", "/a0/3.jpg", "s3://a/b/4.jpg"];
      await setup.store.record(sources.map((source, i) => ({ ...foundPhoto(i), source })));
      const reason = { code: "PHOTO_FAILED", message: "why" };
      await setup.store.recordFailure({ source: "/a/b/bad.jpg", reason });
      const cases: [under: string, sources: number[], failures: number][] = [
        ["/a", [1, 2], 1],
        ["/a/", [1, 2], 1],
        ["/a.jpg", [0], 0],
        ["/a/b/%_2.jpg", [2], 0],
        ["/", [0, 1, 2, 3], 1],
        ["s3://a", [4], 0],
        ["s3://a/b/", [4], 0],
        ["/c", [], 0],
      ];
      for (const [under, expected, failures] of cases) {
        const found = await collect(readResults(setup.ledger, { under }));
        assert.deepEqual(
          found.map(({ source }) => source),
          expected.map((i) => sources[i]),
          under,
        );
        const failed = await collect(readFailures(setup.ledger, { under }));
        assert.equal(failed.length, failures, under);
        const [recipe] = await readRecipes(setup.ledger, { under });
        assert.deepEqual([recipe?.done, recipe?.failed], [expected.length, failures], under);
      }
    },
  },
  {
    name: "photos are forgotten with their results, unless those belong to others as well",
    async check(location) {
      await using setup = await openStore(location, regionRecipe);
      const { store, ledger } = setup;
      const photo = foundPhoto(1, regionResult());
      const twin = { ...photo, source: "/twins/1.jpg" };
      await store.record([photo, twin]);
      const reason = { code: "PHOTO_FAILED", message: "why" };
      await store.recordFailure({ source: "/twins/bad.jpg", reason });
      await ledger.write((transaction) =>
        transaction
          .insertInto("picture")
          .values({ file: "/pictures/1.jpg", result_id: 1 })
          .execute(),
      );
      const forget = async (place: string, dryRun = false) => {
        const { photos, results } = await forgetPhotos(ledger, [place], { dryRun });
        return [photos, results];
      };
      const before = await rowCounts(ledger);
      await assert.rejects(forgetPhotos(ledger, ["/twins", "/none"]), (error) => {
        assert.ok(isOrangeryError(error, "INVALID_ARGUMENT"));
        assert.match(error.message, /none at or below \/none\. Nothing was removed/);
        return true;
      });
      assert.deepEqual(await forget("/twins", true), [2, 0]);
      assert.deepEqual(await rowCounts(ledger), before);
      assert.deepEqual(await forget("/twins"), [2, 0]);
      assert.deepEqual(
        (await collect(readResults(ledger))).map(({ source }) => source),
        [photo.source],
      );
      assert.deepEqual(await forget(photo.source), [1, 1]);
      const none = Object.fromEntries(Object.keys(before!).map((table) => [table, 0]));
      assert.deepEqual(await rowCounts(ledger), none);
      await store.record([photo]);
      assert.equal((await collect(readResults(ledger))).length, 1);
    },
  },
  {
    name: "any number of photos is forgotten",
    async check(location) {
      await using setup = await openStore(location);
      await setup.store.record(Array.from({ length: 1200 }, (_, i) => foundPhoto(i)));
      const progress: number[] = [];
      const { photos, results, examples } = await forgetPhotos(setup.ledger, ["/photos/"], {
        onForgotten: (count) => progress.push(count),
      });
      assert.deepEqual([photos, results], [1200, 1200]);
      assert.deepEqual(progress, [500, 1000, 1200]);
      assert.deepEqual([examples.length, examples[0]], [10, foundPhoto(0).source]);
    },
  },
  {
    name: "long reasons of a fallback, and lists of a thousand classes, have room",
    async check(location) {
      await using setup = await openStore(location);
      const names = Array.from({ length: 1200 }, (_, i) => `class number ${i}`);
      const { objects, ...rest } = plainResult(1);
      const many = Object.assign(Object.create(Object.getPrototypeOf(objects)), objects, { names });
      const fallbackReason = "The device said so. ".repeat(500);
      const result = { ...rest, objects: many, fallbackReason };
      await setup.store.record([foundPhoto(1, result), foundPhoto(2, result)]);
      const [stored] = await collect(readResults(setup.ledger));
      assert.deepEqual(stored?.objects.names, names);
      assert.match(stored?.fallbackReason ?? "", /^The device said so\. .*…$/);
    },
  },
  {
    name: "when and where photos were taken is kept, filled in, replaced, and selects photos",
    async check(location) {
      await using opened = await openStore(location);
      const { store, ledger } = opened;
      const capture = {
        takenAt: "2026-05-12T06:30:00+02:00",
        latitude: 52.5,
        longitude: -13.4,
        altitudeM: 30,
        heightM: 12.5,
        camera: "Maker Model F",
        cameraId: "007",
        focalLengthMm: 8.8,
        focalLength35Mm: 24,
        sensorWidthMm: 13.2,
      };
      await store.record([
        { ...foundPhoto(1), capture },
        { ...foundPhoto(2), capture: { takenAt: "2026-05-13T00:00:00" } },
        foundPhoto(3),
      ]);
      const captures = async (selection: PhotoSelection = {}) =>
        (await collect(readResults(ledger, selection))).map((result) => result.capture);
      const night = { takenAt: "2026-05-13T00:00:00" };
      assert.deepEqual(await captures(), [capture, night, {}]);
      assert.deepEqual(await captures({ takenAfter: "2026-05-13" }), [night]);
      assert.deepEqual(await captures({ takenBefore: "2026-05-13" }), [capture]);
      const morning = { takenAfter: "2026-05-12T06:30", takenBefore: "2026-05-12 06:30:01" };
      assert.deepEqual(await captures(morning), [capture]);
      assert.equal((await readRecipes(ledger, morning))[0]!.done, 1);
      await assert.rejects(captures({ takenAfter: "12 May" }), (error) =>
        isOrangeryError(error, "INVALID_ARGUMENT"),
      );

      // Read again: what was not known is filled in, what is not to be kept is gone.
      const { result: _, ...read } = foundPhoto(3);
      await store.recordKnown({ ...read, capture });
      await store.recordKnown({ ...foundPhoto(1), capture: { camera: "Maker Model F" } });
      await store.recordKnown(foundPhoto(2));
      assert.deepEqual(await captures(), [{ camera: "Maker Model F" }, night, capture]);
      // Other bytes under the name, of which nothing was read.
      await store.record([{ ...foundPhoto(3), contentSha256: contentOf(33) }]);
      assert.deepEqual((await captures())[2], {});

      const reason = { code: "PHOTO_UNREADABLE", message: "" };
      await store.recordFailure({ source: "/photos/9.jpg", reason, capture });
      const failed = async (selection: PhotoSelection) =>
        (await collect(readFailures(ledger, selection))).map(({ source }) => source);
      assert.deepEqual(await failed({ takenAfter: "2026-05-12" }), ["/photos/9.jpg"]);
      assert.deepEqual(await failed({ takenAfter: "2026-05-14" }), []);
    },
  },
  {
    name: "thresholds are asked of what is recorded, by photo, region and class",
    async check(location) {
      await using opened = await openStore(location, lowRecipe);
      const { store, ledger } = opened;
      await store.record([foundPhoto(1, lowResult()), foundPhoto(2, lowResult())]);
      await store.record([foundPhoto(3, { ...lowResult(), uncounted: undefined })]);
      const { recipeHash = "" } = (await collect(readCounts(ledger)))[0]!;
      const counts = async (question?: CountQuestion) => {
        const photos = await collect(readCounts(ledger, { question }));
        const results = await collect(readResults(ledger, { question }));
        const asked = { recipeHash, question };
        const totals = await readCountTotals(ledger, asked);
        for (const [i, { counts, objectCount }] of photos.entries()) {
          assert.deepEqual(results[i]!.counts.filter(({ count }) => count > 0).sort(byRegion), [
            ...counts.filter(({ count }) => count > 0).sort(byRegion),
          ]);
          assert.equal(results[i]!.objects.length, objectCount);
          assert.deepEqual(results[i]!.objectRegions?.length, objectCount);
        }
        const sum = photos.reduce((sum, { objectCount }) => sum + objectCount, 0);
        assert.deepEqual([totals.photos, totals.objectCount], [photos.length, sum]);
        const [first, , last] = photos;
        const rows = first!.counts.map(({ region, name, count }) => `${region} ${name} ${count}`);
        return { rows, last: last!.objectCount };
      };
      const asCounted = ["0 plant 2", "0 weed 1", "1 plant 1", "1 weed 1", "2 plant 1", "2 weed 0"];
      assert.deepEqual(await counts(), { rows: asCounted, last: 3 });
      const lower = { minScore: 0.1 };
      const more = ["0 plant 4", "0 weed 1", "1 plant 2", "1 weed 1", "2 plant 2", "2 weed 0"];
      assert.deepEqual(await counts(lower), { rows: more, last: 3 });
      // 0.5 itself does not count, and the next float32 does, though both are stored as 0.5.
      const half = ["0 plant 1", "0 weed 1", "1 plant 1", "1 weed 1", "2 plant 0", "2 weed 0"];
      assert.deepEqual(await counts({ minScore: 0.5 }), { rows: half, last: 2 });
      const weeds = { classes: ["weed"], classConfidence: { weed: 0.6 } };
      assert.deepEqual(await counts(weeds), {
        rows: ["0 weed 1", "1 weed 1", "2 weed 0"],
        last: 1,
      });
      assert.deepEqual(await counts({ minScore: 0.95 }), { rows: [], last: 0 });
      await assert.rejects(counts({ minScore: 0.04 }), /0\.05 or more for the class plant/);
      await assert.rejects(counts({ classes: ["stone"] }), /0 plant, 1 weed/);

      const [scored] = await collect(readScores(ledger));
      assert.deepEqual(scored?.groups, [
        { classId: 0, region: 1, scores: Float32Array.of(aboveHalf, 0.2) },
        { classId: 0, region: 2, scores: Float32Array.of(0.5, 0.2) },
        { classId: 1, region: 1, scores: Float32Array.of(0.9) },
      ]);
      const [asked] = await collect(readResults(ledger, { question: lower }));
      assert.deepEqual([...asked!.objects.classIds], [1, 0, 0, 0, 0]);
      assert.deepEqual([...asked!.objectRegions!], [1, 1, 2, 1, 2]);
      // What does not count is in no view and no result, unless it is asked for.
      const [plain] = await collect(readResults(ledger));
      assert.deepEqual([plain!.objects.length, plain!.uncounted], [3, undefined]);
      const [view] = await query(ledger, "select count(*) as objects from photo_object");
      assert.deepEqual(view, { objects: 9 });

      // Results of a version that did not pack scores: those of the objects are asked.
      await ledger.write((transaction) => sql`delete from result_scores`.execute(transaction));
      const rounded = ["0 weed 1", "1 weed 1", "2 weed 0"];
      assert.deepEqual(await counts({ minScore: 0.5 }), { rows: rounded, last: 1 });
      assert.deepEqual((await counts(weeds)).last, 1);
      assert.deepEqual((await counts()).rows, asCounted);
      assert.equal(await areScoresPacked(ledger), false);
      const progress: number[] = [];
      await packOldScores(ledger, { onPacked: (results) => progress.push(results) });
      assert.deepEqual([progress, await areScoresPacked(ledger)], [[3], true]);
      assert.deepEqual(await counts({ minScore: 0.5 }), { rows: rounded, last: 1 });
      assert.deepEqual((await counts()).rows, asCounted);
      await forgetPhotos(ledger, ["/photos/"]);
      assert.deepEqual(await query(ledger, "select result_id from result_uncounted"), []);
      assert.deepEqual(await collect(readCounts(ledger, { question: lower })), []);
    },
  },
  {
    name: "photos are browsed by page, filter and order, and summed up part by part",
    async check(location) {
      await using plain = await openStore(location);
      await using regions = await openStore(location, regionRecipe);
      const { ledger, store } = plain;
      await store.record([5, 1, 4, 2, 3].map((plants) => foundPhoto(plants, plainResult(plants))));
      // The same bytes elsewhere, and a photo that failed.
      const copy = { ...foundPhoto(2, plainResult(2)), source: "/elsewhere/Copy_of.jpg" };
      await store.record([copy]);
      await regions.store.record([foundPhoto(1, regionResult())]);
      const { recipes, newestId } = await readRecipeChoices(ledger);
      assert.deepEqual(
        recipes.map(({ hash }) => hash),
        [plainRecipe, regionRecipe].map(({ hash }) => hash),
      );
      const [recipeId, otherId] = recipes.map(({ id }) => id) as [number, number];
      assert.equal(newestId, otherId);

      const pages = async (options: Partial<PhotoPageOptions>, limit = 2) => {
        const sources: string[] = [];
        let after: string | undefined;
        do {
          const page = await readPhotoPage(ledger, { recipeId, limit, after, ...options });
          assert.ok(page.photos.length <= limit);
          sources.push(...page.photos.map(({ source }) => source));
          after = page.next;
        } while (after !== undefined);
        return sources;
      };
      const at = (...numbers: number[]) => numbers.map((number) => foundPhoto(number).source);
      const other = copy.source;
      assert.deepEqual(await pages({}), [other, ...at(1, 2, 3, 4, 5)]);
      assert.deepEqual(await pages({ order: "most" }), [...at(5, 4, 3, 2), other, ...at(1)]);
      assert.deepEqual(await pages({ order: "fewest" }), [...at(1, 2), other, ...at(3, 4, 5)]);
      // With a plant more, the weed scores less.
      const [unsurest, surest] = [{ order: "unsurest" }, { order: "surest" }] as const;
      assert.deepEqual(await pages(unsurest), [...at(5, 4, 3, 2), other, ...at(1)]);
      const filter = { className: "weed" };
      const weeds = await pages({ ...surest, filter });
      assert.deepEqual(weeds, [...at(1, 2), other, ...at(3, 4, 5)]);
      assert.deepEqual(await pages({ ...surest, filter: { className: "none" } }), []);
      const newest = await pages({ order: "newest" });
      assert.deepEqual(newest.toSorted(), [other, ...at(1, 2, 3, 4, 5)]);
      // Within a call, results are inserted by their content.
      assert.deepEqual(
        newest.filter((source) => source !== other),
        at(5, 4, 3, 2, 1),
      );
      const filters: [EntryFilter, string[]][] = [
        [{ nameContains: "COPY_" }, [other]],
        [{ nameContains: "%" }, []],
        [{ under: "/elsewhere" }, [other]],
        [{ under: other }, [other]],
        [{ under: "/else" }, []],
        [{ minCount: 4, maxCount: 5 }, at(3, 4)],
        [{ className: "weed", maxCount: 0 }, []],
        [{ className: "stone", maxCount: 0, minCount: 0 }, [other, ...at(1, 2, 3, 4, 5)]],
        [{ className: "plant", minCount: 4 }, at(4, 5)],
        [{ minScore: 0.8996, maxScore: 0.8996 }, at(4, 5)],
        [{ minScore: 0.8996, maxScore: 0.8996, className: "plant" }, at(5)],
        [{ maxScore: 0.8998, className: "weed" }, [other, ...at(2, 3, 4, 5)]],
        [{ maxScore: 0.5 }, []],
        [{ state: "failed" }, []],
        [{ device: "cuda:0" }, []],
        [{ warning: "any" }, []],
        [{ takenAfter: "2026-01-01" }, []],
      ];
      for (const [filter, expected] of filters) {
        const found = await pages({ filter });
        assert.deepEqual(found, expected, JSON.stringify(filter));
        const most = await pages({ filter, order: "most" });
        assert.deepEqual(most.toSorted(), expected.toSorted(), JSON.stringify(filter));
        if (filter.className !== undefined) continue;
        const sure = await pages({ filter, ...surest });
        assert.deepEqual(sure.toSorted(), expected.toSorted(), JSON.stringify(filter));
      }
      for (const warning of ["any", "no-contrast"] as const) {
        assert.deepEqual(await pages({ recipeId: otherId, filter: { warning } }), at(1));
      }

      const [{ photoId }] = (await readPhotoPage(ledger, { recipeId: otherId, limit: 1 }))
        .photos as [ListedEntry];
      const details = await readPhotoDetails(ledger, { recipeId: otherId, photoId });
      assert.deepEqual([details?.result?.objectCount, details?.findings?.regions?.length], [3, 2]);
      assert.equal(await readPhotoDetails(ledger, { recipeId: otherId, photoId: 1e9 }), undefined);
      assert.deepEqual(await readPhotoPlace(ledger, photoId), {
        source: foundPhoto(1).source,
        contentSha256: contentOf(1),
      });
      assert.equal(await readPhotoPlace(ledger, 1e9), undefined);

      const states = { waiting: 0, leased: 0, done: 6, failed: 0, excluded: 0 };
      assert.deepEqual(await readStates(ledger, recipeId), states);
      const toId = 1 + (await ledger.read((db) => lastIdOf(db, "entry")));
      assert.deepEqual(await readTotalsPart(ledger, { recipeId, fromId: 1, toId }), {
        objectCount: 23,
        countByName: new Map([
          ["plant", 17],
          ["weed", 6],
        ]),
        failedByCode: new Map(),
        warnings: new Map(),
      });
      const others = await readTotalsPart(ledger, { recipeId: otherId, fromId: 1, toId });
      assert.deepEqual(
        [...others.warnings],
        [
          ["nearly-black", 1],
          ["no-contrast", 1],
        ],
      );
      const latest = await readLatestResults(ledger, { recipeId: otherId, limit: 9 });
      assert.deepEqual(
        latest.map(({ device, fallbackReason, timingsMs }) => [device, fallbackReason, timingsMs]),
        [["cuda:0", "tensorrt:0 is not there", { segment: 3, detect: 4.5 }]],
      );
    },
  },
  ...reviewConformance,
  ...managementConformance,
  ...compareConformance,
];
