import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { Detections } from "../vision/detections.ts";
import { Mask } from "../vision/mask.ts";
import { fromStoredDetections, toStoredDetections } from "./stored-detections.ts";

test("no detections are stored as an empty list and come back as none", () => {
  const stored = toStoredDetections(Detections.empty(["plant"]));
  assert.deepEqual(stored, { names: '["plant"]', objects: "[]", masks: null });
  const { length, names } = fromStoredDetections(stored);
  assert.deepEqual({ length, names }, { length: 0, names: ["plant"] });
});

test("boxes, scores, classes and masks come back to a hundredth of a pixel", () => {
  const mask = Mask.fromBitmap([0, 1, 1, 0, 1, 0], [3, 2]);
  const detections = new Detections({
    names: ["bed", "path"],
    classIds: Int32Array.of(1, 0),
    scores: Float32Array.of(0.912345678, 0.25),
    boxesXyxy: Float32Array.of(1.23456, 2, 1234.567, 8, 0, 0, 3, 2),
    masks: [mask, Mask.fromBitmap(new Uint8Array(6), [3, 2])],
  });
  const stored = toStoredDetections(detections);
  assert.equal(stored.objects, "[[1,0.91235,1.23,2,1234.57,8],[0,0.25,0,0,3,2]]");

  const back = fromStoredDetections(stored);
  assert.deepEqual(back.classIds, detections.classIds);
  assert.deepEqual(back.names, detections.names);
  assert.deepEqual(
    back.masks?.map((mask) => mask.toRle()),
    detections.masks?.map((mask) => mask.toRle()),
  );
  for (const [i, value] of back.boxesXyxy.entries()) {
    assert.ok(Math.abs(value - detections.boxesXyxy[i]!) < 0.0051);
  }
});

const damaged = [
  { names: "[", objects: "[]", masks: null },
  { names: "[]", objects: "{}", masks: null },
  { names: "[]", objects: "[[0,1,0,0,1,1]]", masks: '[{"size":[2,2],"counts":"1"}]' },
];
for (const stored of damaged) {
  test(`the damaged columns ${JSON.stringify(stored)} are refused`, () => {
    assert.throws(
      () => fromStoredDetections(stored),
      (error) => isOrangeryError(error, "LEDGER_UNREADABLE"),
    );
  });
}
