import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { exampleRecipe, exampleResult, recordPhotos } from "./results/recorded-photos.fixture.ts";
import * as run from "./run.ts";

type Options = Record<string, unknown>;

describe("options of orangery/run", () => {
  const stack = new AsyncDisposableStack();
  let ledger: run.Ledger;
  let file: string;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "orangery-options-"));
    stack.defer(() => rm(folder, { recursive: true }));
    file = join(folder, "results.db");
    await recordPhotos(file, [{ source: "/photos/1.jpg", result: exampleResult({}) }]);
    ledger = stack.use(await run.openLedger(file));
  });
  after(() => stack.disposeAsync());

  const recipeHash = exampleRecipe.hash;
  const recipe = { hash: recipeHash, json: exampleRecipe.json };
  const trial = { count: { detect: { file: "m.pt" } }, photos: [], read: async () => Buffer.of() };
  const listed = { recipeId: 1, kind: "sample", by: "Ann" };
  const corrected = { recipeId: 1, photoId: 1, version: 0, by: "Ann", corrections: [{}] };
  const truth = new run.Truth({ hasClasses: true, hasBoxes: false });
  /** By name: a call with options, those that it cannot do without, and a wrong value. */
  const calls: Record<string, readonly [(options: never) => unknown, Options, Options]> = {
    openLedger: [(options) => run.openLedger(file, options), {}, { readOnly: "yes" }],
    readResults: [(options) => run.readResults(ledger, options).next(), {}, { under: 5 }],
    readFailures: [(options) => run.readFailures(ledger, options).next(), {}, { code: 404 }],
    readCounts: [(options) => run.readCounts(ledger, options).next(), {}, { recipeHash: 1 }],
    readScores: [(options) => run.readScores(ledger, options).next(), {}, { signal: 5000 }],
    readCountTotals: [
      (options) => run.readCountTotals(ledger, options),
      { recipeHash },
      { countDuplicatesOnce: "no" },
    ],
    readRecipes: [(options) => run.readRecipes(ledger, options), {}, { takenAfter: 2026 }],
    readChosenResults: [
      (options) => run.readChosenResults(ledger, options).next(),
      {},
      { counts: "right" },
    ],
    readChosenCounts: [
      (options) => run.readChosenCounts(ledger, options).next(),
      {},
      { isReviewedOnly: 1 },
    ],
    readChosenTotals: [
      (options) => run.readChosenTotals(ledger, options),
      { recipeHash },
      { counts: "right" },
    ],
    readTruthResults: [(options) => run.readTruthResults(ledger, options), {}, { under: [] }],
    compareResults: [
      (options) => run.compareResults(ledger, options),
      { recipe, truth },
      { under: {} },
    ],
    forgetPhotos: [
      (options) => run.forgetPhotos(ledger, ["/photos"], options),
      {},
      { dryRun: "true" },
    ],
    drawReviewList: [(options) => run.drawReviewList(ledger, options), listed, { size: 0 }],
    "drawReviewList's filter": [
      (filter) => run.drawReviewList(ledger, { ...listed, filter } as run.DrawReviewListOptions),
      {},
      { under: 1 },
    ],
    readReviewLists: [(options) => run.readReviewLists(ledger, options), {}, { recipeId: "1" }],
    readQueuePage: [
      (options) => run.readQueuePage(ledger, options),
      { listId: 1, limit: 1 },
      { isOpenOnly: "yes" },
    ],
    correctPhoto: [(options) => run.correctPhoto(ledger, options), corrected, { version: -1 }],
    tryInt8: [run.tryInt8, trial, { samples: 0 }],
    tryFloat16: [run.tryFloat16, trial, { checks: 0 }],
    quantizeModelFile: [
      (options) => run.quantizeModelFile("m.pt", "m.onnx", options),
      { photos: [] },
      { precision: "int4" },
    ],
  };

  for (const [name, [call, needed, wrong]] of Object.entries(calls)) {
    test(`${name} refuses what is misspelt, and a wrong value`, async () => {
      const refusal = (option: string) => ({
        code: "INVALID_ARGUMENT",
        message: new RegExp(`\`${option}\``),
      });
      const misspelt = async () =>
        await call({ ...needed, sginal: new AbortController().signal } as never);
      await assert.rejects(misspelt, refusal("sginal"));
      const [option] = Object.keys(wrong);
      await assert.rejects(
        async () => await call({ ...needed, ...wrong } as never),
        refusal(option!),
      );
    });
  }

  test("forgetPhotos removes nothing where a text stands for the places", async () => {
    const places = "/photos" as unknown as string[];
    await assert.rejects(run.forgetPhotos(ledger, places), { code: "INVALID_ARGUMENT" });
    const { value } = await run.readResults(ledger, { recipeHash, under: "/photos" }).next();
    assert.equal(value?.source, "/photos/1.jpg");
  });
});
