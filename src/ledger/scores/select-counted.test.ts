import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { CountedScores } from "./count-question.ts";
import { packScores } from "./packed-scores.ts";
import { selectCounted } from "./select-counted.ts";

const names = ["plant", "weed"];
const masks = [1, 2, 3, 4].map((pixels) =>
  Mask.fromBitmap(
    Array.from({ length: 4 }, (_, i) => Number(i < pixels)),
    [4, 1],
  ),
);

/** Objects as they are stored: with rounded scores. */
function objectsOf(classIds: number[], scores: number[], ofMasks?: Mask[]) {
  return new Detections({
    names,
    classIds: Int32Array.from(classIds),
    scores: Float32Array.from(scores, (score) => Math.round(score * 1e5) / 1e5),
    boxesXyxy: Float32Array.from({ length: 4 * scores.length }, (_, i) => i),
    masks: ofMasks,
  });
}

describe("objects that count", () => {
  test("are chosen by their exact scores, among equals of a class in their order", () => {
    const exact = [0.5000001, 0.5, 0.4999999];
    const packed = packScores({ classIds: [0, 0, 0], scores: exact });
    const recorded = { objects: objectsOf([0, 0, 0], exact), uncounted: undefined, packed };
    const counted = new CountedScores({ detect: { confidence: 0.25 } }, names, { minScore: 0.5 });
    const { objects, objectRegions } = selectCounted(recorded, counted);
    assert.deepEqual([...objects.boxesXyxy], [0, 1, 2, 3]);
    assert.equal(objectRegions, undefined);
  });

  test("come with those below the counting threshold, best first, with masks and regions", () => {
    const [classIds, scores] = [
      [0, 1, 1, 0],
      [0.5, 0.3, 0.45, 0.2],
    ];
    const recorded = {
      objects: objectsOf(classIds.slice(0, 2), scores.slice(0, 2), masks.slice(0, 2)),
      objectRegions: Int32Array.of(1, 2),
      uncounted: {
        objects: objectsOf(classIds.slice(2), scores.slice(2), masks.slice(2)),
        objectRegions: Int32Array.of(1, 2),
      },
      packed: packScores({ classIds, scores }, [1, 2, 1, 2]),
    };
    const recipe = { detect: { confidence: 0.25 }, recordFrom: 0.05 };
    const question = { minScore: 0.25 };
    const { objects, objectRegions } = selectCounted(
      recorded,
      new CountedScores(recipe, names, question),
    );
    assert.deepEqual([...objects.classIds], [0, 1, 1]);
    assert.deepEqual([...objectRegions!], [1, 1, 2]);
    assert.deepEqual(
      objects.masks!.map(({ areaPx }) => areaPx),
      [1, 3, 2],
    );
  });
});
