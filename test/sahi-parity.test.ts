/** Holds what `detectSliced` finds against what SAHI found with the same network. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ModelCache } from "../src/index.ts";
import { detectSliced } from "../src/pipeline/count/detect-sliced.ts";

/** One run of SAHI on one photo. */
interface Reference {
  readonly image: string;
  /** Side of a slice, px. */
  readonly slice: number;
  readonly overlap: number;
  readonly standardPrediction: boolean;
  readonly postprocess: "GREEDYNMM" | "NMS";
  readonly metric: "IOS" | "IOU";
  readonly threshold: number;
  readonly confidence: number;
  /** In px of the photo. */
  readonly boxes: readonly (readonly number[])[];
  readonly scores: readonly number[];
  readonly classes: readonly number[];
}

const boxTolerancePx = 1;
const scoreTolerance = 0.005;

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const referenceFile = new URL("sahi.json", fixtures);
const skip = existsSync(referenceFile) ? false : "../shared/fixtures not present";
const references: readonly Reference[] = skip
  ? []
  : JSON.parse(readFileSync(referenceFile, "utf8"));

/** The checkpoint, which SAHI used, in batches of four slices; and its export, which takes one. */
const models = { "plants-det.pt": 4, "plants-det.onnx": 1 };

describe("parity with SAHI", { skip }, () => {
  let cache: ModelCache;
  before(() => {
    const files = Object.keys(models).map((name) => [
      name,
      fileURLToPath(new URL(`models/${name}`, fixtures)),
    ]);
    cache = new ModelCache({ models: Object.fromEntries(files), device: "cpu" });
  });
  after(() => cache[Symbol.asyncDispose]());

  const cases = references.flatMap((reference) =>
    Object.entries(models).map(([model, batchSize]) => ({ ...reference, model, batchSize })),
  );
  for (const { model, batchSize, ...reference } of cases) {
    const { image, slice, overlap, postprocess, metric, threshold, confidence } = reference;
    test(`of ${model} on ${image} by ${postprocess} and ${metric}: the same objects`, async (t) => {
      await using lease = await cache.acquire(model);
      const photo = new URL(`photos/${image}`, fixtures);
      const { detections, sliceCount } = await detectSliced(lease.model, photo, {
        slice,
        overlap,
        batchSize,
        fullImage: reference.standardPrediction,
        merge: {
          method: postprocess === "NMS" ? "nms" : "nmm",
          metric: metric === "IOU" ? "iou" : "ios",
          threshold,
        },
        confidence,
        iou: 0.7,
      });
      assert.equal(detections.length, reference.boxes.length);
      const open = new Set(reference.boxes.keys());
      let [boxErrorPx, scoreError] = [0, 0];
      for (const { boxXyxy, score, classId } of detections) {
        const [nearest] = [...open]
          .map((index) => ({ index, error: distancePx(boxXyxy, reference.boxes[index]!) }))
          .sort((one, other) => one.error - other.error);
        open.delete(nearest!.index);
        assert.equal(classId, reference.classes[nearest!.index]);
        boxErrorPx = Math.max(boxErrorPx, nearest!.error);
        scoreError = Math.max(scoreError, Math.abs(score - reference.scores[nearest!.index]!));
      }
      t.diagnostic(
        `${detections.length} objects of ${sliceCount} slices, boxes within ` +
          `${boxErrorPx.toFixed(5)} px, scores within ${scoreError.toFixed(6)}`,
      );
      assert.ok(boxErrorPx <= boxTolerancePx && scoreError <= scoreTolerance);
    });
  }

  test("covers both merges, on photos with and without plants", () => {
    const merges = new Set(references.map(({ postprocess }) => postprocess));
    assert.deepEqual([...merges].sort(), ["GREEDYNMM", "NMS"]);
    assert.ok(references.some(({ boxes }) => boxes.length > 100));
    assert.ok(references.some(({ boxes }) => boxes.length === 0));
  });
});

/** The most that a side of one box is away from the other's. */
function distancePx(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, side) => Math.abs(value - b[side]!)));
}
