import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { fromStoredObjects, toStoredObjects } from "./stored-objects.ts";

test("no objects are stored as an empty list and come back as none", () => {
  const stored = toStoredObjects({ objects: Detections.empty(["plant"]) });
  assert.deepEqual(stored, { names: '["plant"]', objects: "[]", masks: null });
  const { length, names } = fromStoredObjects(stored).objects;
  assert.deepEqual({ length, names }, { length: 0, names: ["plant"] });
});

test("boxes, scores, classes, masks and regions come back, to a hundredth of a pixel", () => {
  const mask = Mask.fromBitmap([0, 1, 1, 0, 1, 0], [3, 2]);
  const objects = new Detections({
    names: ["path", "bed"],
    classIds: Int32Array.of(1, 0),
    scores: Float32Array.of(0.912345678, 0.25),
    boxesXyxy: Float32Array.of(1.23456, 2, 1234.567, 8, 0, 0, 3, 2),
    masks: [mask, Mask.fromBitmap(new Uint8Array(6), [3, 2])],
  });
  const stored = toStoredObjects({ objects, objectRegions: Int32Array.of(3, 0) });
  assert.equal(stored.objects, "[[1,0.91235,1.23,2,1234.57,8,3,3],[0,0.25,0,0,3,2,0,0]]");
  const unplaced = toStoredObjects({ objects });
  assert.equal(unplaced.objects, "[[1,0.91235,1.23,2,1234.57,8,null,3],[0,0.25,0,0,3,2,null,0]]");
  assert.equal(fromStoredObjects(unplaced).objectRegions, undefined);

  const back = fromStoredObjects(stored);
  assert.deepEqual(back.objectRegions, Int32Array.of(3, 0));
  assert.deepEqual(back.objects.classIds, objects.classIds);
  assert.deepEqual(back.objects.names, objects.names);
  assert.deepEqual(
    back.objects.masks?.map((mask) => mask.toRle()),
    objects.masks?.map((mask) => mask.toRle()),
  );
  for (const [i, value] of back.objects.boxesXyxy.entries()) {
    assert.ok(Math.abs(value - objects.boxesXyxy[i]!) < 0.0051);
  }
});

test("without regions, none are stored", () => {
  const objects = new Detections({
    names: ["plant"],
    classIds: Int32Array.of(0),
    scores: Float32Array.of(0.5),
    boxesXyxy: Float32Array.of(0, 0, 1, 1),
  });
  const stored = toStoredObjects({ objects });
  assert.equal(stored.objects, "[[0,0.5,0,0,1,1]]");
  assert.equal(fromStoredObjects(stored).objectRegions, undefined);
});

const damaged = [
  { names: "[", objects: "[]", masks: null },
  { names: "[]", objects: "{}", masks: null },
  { names: "[]", objects: "[[0,1,0,0,1,1]]", masks: '[{"size":[2,2],"counts":"1"}]' },
];
for (const stored of damaged) {
  test(`the damaged columns ${JSON.stringify(stored)} are refused`, () => {
    assert.throws(
      () => fromStoredObjects(stored),
      (error) => isOrangeryError(error, "LEDGER_UNREADABLE"),
    );
  });
}
