import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PackedScores, packScores, unpackScores } from "./packed-scores.ts";

const f = Math.fround;

describe("packed scores", () => {
  test("come back by class and region, exactly, best first", () => {
    const classIds = [1, 0, 1, 300, 1];
    const scores = Float32Array.of(0.9, 0.5000001, 0.3, 0.2, 0.1);
    const packed = packScores({ classIds, scores }, [2, 0, 2, 1, 0]);
    assert.deepEqual(unpackScores(packed), [
      { classId: 0, region: 0, scores: Float32Array.of(0.5000001) },
      { classId: 1, region: 0, scores: Float32Array.of(0.1) },
      { classId: 1, region: 2, scores: Float32Array.of(0.9, 0.3) },
      { classId: 300, region: 1, scores: Float32Array.of(0.2) },
    ]);
    assert.equal(packed.length, 5 * 4 + 3 * 3 + 4);
  });

  test("without objects are no bytes", () => {
    const packed = packScores({ classIds: [], scores: [] });
    assert.equal(packed.length, 0);
    assert.deepEqual(unpackScores(packed), []);
  });

  test("are counted above a threshold, at which none counts", () => {
    const next = f(0.5 + 2 ** -24);
    const scores = Float32Array.of(0.8, next, 0.5, 0.5, 0.3);
    const groups = new PackedScores(packScores({ classIds: [0, 0, 0, 0, 0], scores }));
    assert.equal(groups.next(), true);
    const thresholds = [-Infinity, 0, 0.3, 0.4, 0.5, next, 0.8, Infinity];
    const counts = thresholds.map((threshold) => groups.countAbove(f(threshold)));
    assert.deepEqual(counts, [5, 5, 4, 4, 2, 1, 0, 0]);
    assert.equal(groups.next(), false);
  });

  test("that are cut off are refused", () => {
    const packed = packScores({ classIds: [0, 0], scores: [0.5, 0.25] });
    assert.throws(() => unpackScores(packed.subarray(0, -1)), { code: "LEDGER_UNREADABLE" });
    assert.throws(() => unpackScores(Uint8Array.of(128)), { code: "LEDGER_UNREADABLE" });
  });
});
