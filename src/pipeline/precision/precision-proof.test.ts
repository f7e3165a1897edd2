import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { type PrecisionProof, ProofTally, readProof, whyRefused } from "./precision-proof.ts";

const names = ["plant", "weed"];
/** Of objects: where each begins, in px from the left, and its class. They are 10 px wide. */
type Places = readonly (readonly [leftPx: number, classId: number])[];

function mask(leftPx: number, widthPx: number): Mask {
  return Mask.fromRle({ size: [1, 100], counts: [leftPx, widthPx, 100 - leftPx - widthPx] });
}

function result(places: Places, cpu: number, regions?: readonly Mask[]): PhotoResult {
  const objects = new Detections({
    boxesXyxy: Float32Array.from(places.flatMap(([left]) => [left, 0, left + 10, 10])),
    scores: Float32Array.from(places, (_, i) => 0.9 - i / 100),
    classIds: Int32Array.from(places, ([, classId]) => classId),
    names,
    masks: places.map(([left]) => mask(left, 10)),
  });
  const found = regions?.map((each) => ({ mask: each }));
  return { objects, regions: found, timingsMs: { cpu } } as unknown as PhotoResult;
}

const proofOf = (...pairs: readonly (readonly [PhotoResult, PhotoResult])[]): PrecisionProof => {
  const tally = new ProofTally();
  for (const [i, [float32, int8]] of pairs.entries()) {
    const ms = { float32: float32.timingsMs.cpu!, tried: int8.timingsMs.cpu! };
    tally.add({ photo: `${i}`, float32, tried: int8, ms });
  }
  return tally.proof({ precision: "int8", device: "cpu", method: "extremes", calibratedOn: 5 });
};

describe("the proof of int8", () => {
  test("counts, matches and times both", () => {
    const proof = proofOf(
      [
        result(
          [
            [0, 0],
            [20, 0],
            [40, 1],
          ],
          30,
        ),
        result(
          [
            [1, 0],
            [20, 0],
            [40, 1],
          ],
          10,
        ),
      ],
      [result([[0, 0]], 50), result([], 20)],
    );
    assert.deepEqual(proof.objects, { float32: 4, tried: 3 });
    assert.deepEqual(proof.classes, [
      { name: "plant", float32: 3, tried: 2 },
      { name: "weed", float32: 1, tried: 1 },
    ]);
    assert.deepEqual(proof.worst, { photo: "1", float32: 1, tried: 0 });
    assert.equal(proof.matchedShare, 3 / 4);
    assert.equal(proof.totalChange, -1 / 4);
    assert.deepEqual(proof.msPerPhoto, { float32: 40, tried: 15 });
    assert.equal(proof.checkedOn, 2);
    assert.ok(Math.abs(proof.maskIou! - (9 / 11 + 1 + 1) / 3) < 1e-9);
    assert.equal(proof.regionIou, undefined);
  });

  test("matches no object of another class, and none that overlaps by less than a half", () => {
    const proof = proofOf([
      result(
        [
          [0, 0],
          [20, 0],
        ],
        1,
      ),
      result(
        [
          [0, 1],
          [24, 0],
        ],
        1,
      ),
    ]);
    assert.deepEqual([proof.matchedShare, proof.totalChange], [0, 0]);
    assert.match(whyRefused(proof)!, /0\.0 % of the objects match, under 98\.0 %/);
  });

  test("takes the mean overlap of regions, of which one that is missing overlaps by 0", () => {
    const regions = [mask(0, 20), mask(50, 20)];
    const proof = proofOf([result([[0, 0]], 1, regions), result([[0, 0]], 1, [mask(0, 20)])]);
    assert.equal(proof.regionIou, 2 / 3);
    assert.match(whyRefused(proof)!, /regions overlap by 66\.7 %, under 95\.0 %/);
  });

  test("is read again from a file, and nothing that is no proof", () => {
    const proof = proofOf([result([[0, 0]], 1), result([[0, 0]], 1)]);
    const json = JSON.stringify(proof);
    assert.equal(JSON.stringify(readProof(json)), json);
    for (const none of [undefined, "", "null", "{}", "[1]", '{"objects":{"float32":"1"}}']) {
      assert.equal(readProof(none), undefined);
    }
  });
});

describe("int8 is refused", () => {
  const sound = proofOf([result([[0, 0]], 1), result([[0, 0]], 1)]);
  const cases: readonly (readonly [string, Partial<PrecisionProof>, RegExp | undefined])[] = [
    ["nowhere where both are alike", {}, undefined],
    ["without an object", { objects: { float32: 0, tried: 0 } }, /there was no object/],
    ["not where the total moves by 0.5 %", { totalChange: -0.005 }, undefined],
    [
      "where it moves by more",
      { totalChange: -0.0051 },
      /the total moves by -0\.51 % \(1 to 1\), over 0\.50 %/,
    ],
    ["not where 98 % match", { matchedShare: 0.98 }, undefined],
    ["where fewer match", { matchedShare: 0.9799 }, /match, under 98\.0 %/],
  ];
  for (const [when, change, reason] of cases) {
    test(when, () => {
      const refused = whyRefused({ ...sound, ...change });
      if (reason === undefined) assert.equal(refused, undefined);
      else assert.match(refused!, reason);
    });
  }

  test("by the tolerance that is given", () => {
    const proof = { ...sound, totalChange: 0.02 };
    assert.equal(whyRefused(proof, { tolerance: 0.02 }), undefined);
    assert.notEqual(whyRefused(proof, { tolerance: 0.019 }), undefined);
  });
});
