import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Ledger } from "../../ledger/ledger.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import { readCounts } from "../../ledger/results/read-counts.ts";
import { ResultStore } from "../../ledger/results/result-store.ts";
import { ResultWriter } from "../../ledger/results/result-writer.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime } from "../../native/runtime.ts";
import { keptSliceCount } from "../../pipeline/count/kept-slices.fixture.ts";
import { failureCases } from "../../pipeline/photos/photo-failures.fixture.ts";
import type { PhotoBytes } from "../../pipeline/photos/read-photo.ts";
import { countRecipe } from "../../pipeline/recipe/count-recipe.ts";
import { readRecipe, writeRecipe } from "../../pipeline/recipe/recipe-document.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import { TinyModels } from "../../tasks/tiny-models.fixture.ts";
import { encodePicture } from "../../vision/photo/picture-file.ts";
import { CountPhoto } from "./count-photo.ts";

// Real models and a real ledger; of the photos only the reading, since none fails on demand.

const stack = new AsyncDisposableStack();
let ledger: Ledger;
let store: ResultStore;
let createTask: (read: () => Promise<PhotoBytes>) => CountPhoto;
/** The photos of this are cut into slices of 32 × 32 px. */
let createSlicedTask: typeof createTask;
let slicedRecipe: string;
/** Records all objects and counts none of them: by a recipe out of a queue. */
let createLowTask: typeof createTask;
let lowRecipe: string;

/** ONNX Runtime; a test is called before each run. */
let onRun = () => {};
const runtime: Runtime = {
  ...onnxRuntime,
  async openSharedSession(key, options) {
    const { session, loaded } = await onnxRuntime.openSharedSession(key, options);
    const run = session.run.bind(session);
    session.run = (...args) => {
      onRun();
      return run(...args);
    };
    return { session, loaded };
  },
};

before(async () => {
  const models = stack.use(await TinyModels.create());
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-count-")));
  const count = { detect: { file: models.files.detect } };
  const { recipe, sha256 } = await countRecipe(count);
  ledger = stack.use(await openLedger(join(folder.path, "results.db")));
  store = await ResultStore.open(ledger, recipe);
  const writer = stack.use(new ResultWriter(store, { maxDelayMs: 1 }));
  const cache = stack.use(
    new ModelCache({ models: { detect: count.detect.file }, device: "cpu", runtime }),
  );
  createTask = (read) => new CountPhoto({ cache, count, sha256, store, writer, photos: { read } });
  const sliced = { ...count, slicing: { slice: 32, overlap: 0 } };
  const ofSliced = await ResultStore.open(ledger, (await countRecipe(sliced)).recipe);
  slicedRecipe = ofSliced.recipe.hash;
  const slicedWriter = stack.use(new ResultWriter(ofSliced, { maxDelayMs: 1 }));
  const given = { cache, count: sliced, sha256, store: ofSliced, writer: slicedWriter };
  createSlicedTask = (read) => new CountPhoto({ ...given, photos: { read } });
  const options = { classes: ["class0"], classConfidence: { class0: 1 } };
  const made = await countRecipe({ detect: { ...count.detect, options }, recordFrom: 0 });
  const low = readRecipe(writeRecipe(made.count, made), "a queue");
  const ofLow = await ResultStore.open(ledger, low.recipe);
  lowRecipe = low.recipe.hash;
  const lowWriter = stack.use(new ResultWriter(ofLow, { maxDelayMs: 1 }));
  const asked = { cache, count: low.count, sha256, store: ofLow, writer: lowWriter };
  createLowTask = (read) => new CountPhoto({ ...asked, photos: { read } });
});
after(() => stack.disposeAsync());

/** Tries a job as a queue does: three times at most, as long as its failure may pass. */
async function work(
  task: CountPhoto,
  photo: string,
): Promise<{ attempts: number; error?: unknown }> {
  const payload = { photo, recipe: store.recipe.hash };
  for (let attempt = 1; ; attempt++) {
    try {
      await task.execute(payload, { attempt, attempts: 3 });
      return { attempts: attempt };
    } catch (error) {
      if (attempt === 3 || !isRetryable(error)) return { attempts: attempt, error };
    }
  }
}

async function recordedReason(source: string): Promise<string | null | undefined> {
  const rows = await ledger.read((db) =>
    db
      .selectFrom("entry")
      .innerJoin("photo", "photo.id", "entry.photo_id")
      .select("entry.reason_code")
      .where("photo.source", "=", source)
      .where("entry.state", "=", "failed")
      .execute(),
  );
  return rows[0]?.reason_code;
}

describe("a job's failure", () => {
  for (const { name, error, blamed } of failureCases) {
    const consequence = {
      photo: "fails the photo with its code",
      attempt: "fails the photo the third time",
      none: "fails the job and is recorded against no photo",
    }[blamed];
    test(`by ${name} ${consequence}`, async () => {
      const source = `/photos/${name}.jpg`;
      const task = createTask(async () => {
        throw error;
      });
      const result = await work(task, source);
      const recorded = { photo: name, attempt: "PHOTO_FAILED", none: undefined }[blamed];
      assert.equal(await recordedReason(source), recorded);
      if (blamed === "attempt") assert.equal(result.attempts, 3);
      else assert.equal(result.error, error);
    });
  }
});

test("a job's photo is counted once, and known when the job comes again", async () => {
  const bytes = await encodePicture({ data: new Uint8Array(3 * 64), widthPx: 8, heightPx: 8 });
  const content = { sha256: "a".repeat(64), sizeBytes: bytes.length, mtimeUs: 1 };
  const task = createTask(async () => ({ bytes, content }));
  const payload = { photo: "/photos/black.jpg", recipe: store.recipe.hash };
  assert.equal((await task.execute(payload)).outcome, "counted");
  assert.deepEqual(await task.execute(payload), { outcome: "known" });
});

test("a job's photo has what its recipe records and does not count, for questions", async () => {
  const bytes = await encodePicture({ data: new Uint8Array(3 * 64), widthPx: 8, heightPx: 8 });
  const content = { sha256: "d".repeat(64), sizeBytes: bytes.length, mtimeUs: 1 };
  const task = createLowTask(async () => ({ bytes, content }));
  await task.execute({ photo: "/photos/low.jpg", recipe: lowRecipe });
  const asked = { recipeHash: lowRecipe };
  const { value: counted } = await readCounts(ledger, asked).next();
  const { value: all } = await readCounts(ledger, { ...asked, question: { minScore: 0 } }).next();
  assert.equal(counted.objectCount, 0);
  assert.ok(all.objectCount > 0 && all.objectCount === counted.recordedCount);
});

test("a job that was given back goes on with the slices that are left", async () => {
  const picture = { data: new Uint8Array(3 * 320 * 320), widthPx: 320, heightPx: 320 };
  const bytes = await encodePicture(picture);
  const content = { sha256: "b".repeat(64), sizeBytes: bytes.length, mtimeUs: 1 };
  let kept: Uint8Array | undefined;
  const partialWork = {
    read: async () => kept,
    write: async (bytes: Uint8Array) => {
      kept = bytes;
    },
  };
  let runs = 0;
  const attempt = async (breakAfter: number) => {
    const stopping = new AbortController();
    runs = 0;
    onRun = () => {
      if (++runs > breakAfter) stopping.abort(new Error("given back"));
    };
    const task = createSlicedTask(async () => ({ bytes, content }));
    const payload = { photo: "/photos/stripes.jpg", recipe: slicedRecipe };
    return await task.execute(payload, { partialWork, signal: stopping.signal });
  };
  await assert.rejects(attempt(60), { message: "given back" });
  const done = keptSliceCount(kept, [320, 320]);
  assert.ok(done > 0);
  assert.equal((await attempt(1000)).outcome, "counted");
  assert.equal(runs, 100 - done);
});
