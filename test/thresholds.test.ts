/** A threshold that is asked for afterwards counts what a run with that threshold counts. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { readCounts } from "../src/ledger/results/read-counts.ts";
import type { PhotoResult } from "../src/ledger/results/result-rows.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { readResults } from "../src/ledger/results/stored-results.ts";
import type { CountQuestion } from "../src/ledger/scores/count-question.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import type { YoloModel } from "../src/models/yolo/yolo-model.ts";
import { PhotoPipeline } from "../src/pipeline/count/photo-pipeline.ts";
import type { SlicingOptions } from "../src/pipeline/count/slicing.ts";
import { type CountOptions, recipeOf } from "../src/pipeline/recipe/count-recipe.ts";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const fixtures = pathOf("../../shared/fixtures/");
const hasFixtures = existsSync(join(fixtures, "field"));

interface Case {
  readonly detect: string;
  readonly segment?: string;
  readonly photo: string;
  readonly slicing?: SlicingOptions;
  readonly skip?: boolean;
}

const field = {
  detect: join(fixtures, "models/field-det.pt"),
  photo: join(fixtures, "field/north/row-2.jpg"),
  skip: !hasFixtures,
};
const trays = { detect: "sample:seedlings", photo: pathOf("../examples/photos/tray-3.jpg") };

const cases: { readonly [what: string]: Case } = {
  "a whole photo with regions": { ...trays, segment: "sample:beds" },
  "a photo of three classes": field,
  "a photo in slices": { ...field, slicing: { slice: 480 } },
  "a photo in slices that are merged by NMS, with regions": {
    ...trays,
    segment: "sample:beds",
    slicing: { slice: 1024, merge: { method: "nms" } },
  },
};

type Counting = NonNullable<CountOptions["detect"]["options"]> & { readonly recordFrom?: number };

for (const [what, { detect, segment, photo, slicing, skip = false }] of Object.entries(cases)) {
  describe(what, { skip: skip && "../shared/fixtures not present" }, () => {
    test("is counted by a question as by a run, from what was recorded", async () => {
      await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-thresholds-"));
      await using ledger = await openLedger(join(folder.path, "results.db"));
      const models = { detect, ...(segment !== undefined && { segment }) };
      await using cache = new ModelCache({ models, device: "cpu" });
      await using detector = await cache.acquire("detect");
      await using segmenter = segment === undefined ? undefined : await cache.acquire("segment");
      const use = (model: YoloModel, options = {}) => ({ model, options });

      /** Counts on the photo, records it, and returns the hash of its recipe. */
      const run = async ({ recordFrom, ...options }: Counting) => {
        const asked = { maxDetections: 100_000, ...options };
        const pipeline = new PhotoPipeline({
          detect: use(detector.model, asked),
          segment: segmenter && use(segmenter.model),
          recordFrom,
          slicing,
        });
        const result: PhotoResult = await pipeline.process(photo);
        const count: CountOptions = {
          detect: { file: detect, options: asked },
          segment: segment === undefined ? undefined : { file: segment },
          recordFrom,
          slicing,
        };
        const sha256 = { detect: "d".repeat(64), segment: segment && "5".repeat(64) };
        const { recipe } = recipeOf(count, sha256);
        const store = await ResultStore.open(ledger, recipe);
        await store.record([
          { source: photo, sizeBytes: 1, mtimeUs: 1, contentSha256: "c".repeat(64), result },
        ]);
        return recipe.hash;
      };

      /** The counts, and the scores of the objects that count. */
      const ask = async (recipeHash: string, question?: CountQuestion) => {
        const { value: counted } = await readCounts(ledger, { recipeHash, question }).next();
        const { value: result } = await readResults(ledger, { recipeHash, question }).next();
        const { classIds, scores } = result.objects;
        return { counts: counted.counts, classIds, scores, places: result.objectRegions };
      };

      const quarter = await run({ confidence: 0.25 });
      const half = await ask(await run({ confidence: 0.5 }));
      const low = await run({ confidence: 0.25, recordFrom: 0.1 });
      assert.ok(half.scores.length > 0, "something scores above a half");
      assert.ok((await ask(quarter)).scores.length > half.scores.length, "and more below");
      assert.ok((await ask(low, { minScore: 0.1 })).scores.length > half.scores.length);
      assert.deepEqual(await ask(quarter, { minScore: 0.5 }), half);
      assert.deepEqual(await ask(low, { minScore: 0.5 }), half);
      assert.deepEqual(await ask(low), await ask(quarter));

      const name = detector.model.names[0]!;
      const ofClass = await run({ classes: [0], classConfidence: [[0, 0.4]] });
      const question = { classes: [name], classConfidence: { [name]: 0.4 } };
      assert.deepEqual(await ask(low, question), await ask(ofClass));
    });
  });
}
