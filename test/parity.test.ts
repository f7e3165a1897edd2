/** Holds what `ModelCache` and `YoloModel` find against what Ultralytics found. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Detection, type Detections, Mask, ModelCache } from "../src/index.ts";

/** One run of Ultralytics on one photo. */
interface Reference {
  readonly model: string;
  readonly image: string;
  readonly confidence: number;
  readonly iou: number;
  readonly maxDetections: number;
  /** In px of the photo. */
  readonly boxes: readonly (readonly number[])[];
  readonly scores: readonly number[];
  readonly classes: readonly number[];
  /** Uncompressed COCO run lengths at the photo's size; only with `beds-seg` at 0.25. */
  readonly masks?: readonly (readonly number[])[];
  /** Width and height of the photo. */
  readonly size: readonly [number, number];
}

interface Match {
  readonly expected: number;
  readonly found: Detection;
  readonly boxErrorPx: number;
  readonly scoreError: number;
}

const boxTolerancePx = 0.5;
const scoreTolerance = 0.002;
const leastMaskIou = 0.98;

/** Another one than the CPU, such as `cuda:0`, or a plugin's with ORANGERY_EP_LIBRARY. */
const device = process.env.ORANGERY_TEST_DEVICE ?? "cpu";

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const referenceFile = new URL("ultralytics.json", fixtures);
const skip = existsSync(referenceFile) ? false : "../shared/fixtures not present";
const references: readonly Reference[] = skip
  ? []
  : JSON.parse(readFileSync(referenceFile, "utf8")).cases;

const models = [...new Set(references.map(({ model }) => model))];

describe("parity with Ultralytics", { skip }, () => {
  let cache: ModelCache;
  let folder: string;
  const cacheBefore = process.env.ORANGERY_CACHE;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-parity-"));
    // What an earlier version made of a checkpoint must not be what is compared.
    process.env.ORANGERY_CACHE = folder;
    const fileOf = (name: string) => fileURLToPath(new URL(`models/${name}`, fixtures));
    cache = new ModelCache({
      models: Object.fromEntries(models.map((model) => [model, fileOf(model)])),
      device,
      requireDevice: true,
    });
  });
  after(async () => {
    await cache[Symbol.asyncDispose]();
    delete process.env.ORANGERY_CACHE;
    if (cacheBefore !== undefined) process.env.ORANGERY_CACHE = cacheBefore;
    await rm(folder, { recursive: true });
  });

  async function predict({ model, image, confidence, iou, maxDetections, size }: Reference) {
    await using lease = await cache.acquire(model);
    const photo = new URL(`photos/${image}`, fixtures);
    const options = { confidence, iou, maxDetections };
    const { detections, widthPx, heightPx } = await lease.model.predict(photo, options);
    assert.deepEqual([widthPx, heightPx], size);
    return detections;
  }

  const confident = references.filter(({ confidence }) => confidence === 0.25);
  for (const model of models) {
    test(`of ${model} at 0.25: every detection`, async (t) => {
      const all: Match[] = [];
      const ious: number[] = [];
      for (const reference of confident.filter((candidate) => candidate.model === model)) {
        const detections = await predict(reference);
        const matches = match(detections, reference);
        const { image } = reference;
        assert.equal(detections.length, reference.boxes.length, `as many on ${image}`);
        assert.equal(matches.length, reference.boxes.length, `each matched on ${image}`);
        if (reference.masks !== undefined) {
          const areas = matches.map(({ found, expected }) =>
            found.mask!.iou(toMask(reference, expected)),
          );
          ious.push(...areas);
        }
        all.push(...matches);
      }
      const masks = ious.length > 0 ? `, least mask IoU ${Math.min(...ious).toFixed(5)}` : "";
      t.diagnostic(`${model} at 0.25: ${all.length} detections, ${errors(all)}${masks}`);
      assert.ok(all.length > 0);
      assert.ok(
        ious.every((iou) => iou >= leastMaskIou),
        `mask IoUs ${ious}`,
      );
    });

    test(`of ${model} at 0.001: 99 of 100 detections`, async (t) => {
      const faint = references.filter(
        (reference) => reference.model === model && reference.confidence === 0.001,
      );
      const all: Match[] = [];
      let [expected, found] = [0, 0];
      for (const reference of faint) {
        const detections = await predict(reference);
        all.push(...match(detections, reference));
        expected += reference.boxes.length;
        found += detections.length;
      }
      const share = all.length / Math.max(expected, found);
      t.diagnostic(
        `${model} at 0.001: ${all.length} of ${expected} matched ` +
          `(${(100 * share).toFixed(2)} %), ` +
          `${found} found, ${errors(all)}`,
      );
      assert.ok(expected > 0);
      assert.ok(share >= 0.99);
    });
  }

  test("covers every case and every mask of the reference", () => {
    assert.equal(references.length, 48);
    const masked = references.filter(({ masks }) => masks !== undefined);
    assert.ok(masked.every(({ masks, boxes }) => masks!.length === boxes.length));
    assert.ok(masked.some(({ masks }) => masks!.length > 0));
  });
});

/** Pairs what was found with what was expected: each at most once, the nearest box first. */
function match(detections: Detections, { boxes, scores, classes }: Reference): Match[] {
  const open = new Set(boxes.keys());
  const matches: Match[] = [];
  for (const found of detections) {
    const candidates = [...open]
      .filter((index) => classes[index] === found.classId)
      .map((expected) => ({
        expected,
        found,
        boxErrorPx: Math.max(
          ...found.boxXyxy.map((value, side) => Math.abs(value - boxes[expected]![side]!)),
        ),
        scoreError: Math.abs(found.score - scores[expected]!),
      }))
      .filter(
        ({ boxErrorPx, scoreError }) =>
          boxErrorPx <= boxTolerancePx && scoreError <= scoreTolerance,
      )
      .sort((a, b) => a.boxErrorPx - b.boxErrorPx);
    const [nearest] = candidates;
    if (nearest === undefined) continue;
    open.delete(nearest.expected);
    matches.push(nearest);
  }
  return matches;
}

function errors(matches: readonly Match[]): string {
  const boxErrorPx = Math.max(0, ...matches.map((one) => one.boxErrorPx));
  const scoreError = Math.max(0, ...matches.map((one) => one.scoreError));
  return `boxes within ${boxErrorPx.toFixed(5)} px, scores within ${scoreError.toFixed(6)}`;
}

function toMask({ masks, size: [widthPx, heightPx] }: Reference, index: number): Mask {
  return new Mask({ widthPx, heightPx, counts: Uint32Array.from(masks![index]!) });
}
