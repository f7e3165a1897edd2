import assert from "node:assert/strict";
import { test } from "node:test";
import { Detections } from "./detections.ts";
import { Mask } from "./masks/mask.ts";

const names = ["plant", "bed"];

/** Rows of score, class; the box of row i starts at i. */
function of(rows: readonly (readonly [score: number, classId: number])[], masked = false) {
  return new Detections({
    boxesXyxy: Float32Array.from(rows.flatMap((_, i) => [i, i, i + 10, i + 20])),
    scores: Float32Array.from(rows, ([score]) => score),
    classIds: Int32Array.from(rows, ([, classId]) => classId),
    names,
    masks: masked
      ? rows.map((_, i) => Mask.fromRle({ size: [1, 9], counts: [i, 9 - i] }))
      : undefined,
  });
}

test("nothing found is an empty list with the model's names", () => {
  const empty = Detections.empty(names);
  assert.equal(empty.length, 0);
  assert.deepEqual([...empty], []);
  assert.deepEqual(empty.names, names);
  assert.deepEqual([...empty.countByName()], []);
  assert.equal(empty.filter(() => true).length, 0);
  assert.deepEqual(Detections.empty().names, []);
});

test("objects are listed one by one", () => {
  assert.deepEqual(
    [...of([[0.75, 1]])],
    [{ classId: 1, name: "bed", score: 0.75, boxXyxy: [0, 0, 10, 20] }],
  );
  const second = of(
    [
      [0.75, 1],
      [0.5, 0],
    ],
    true,
  ).at(1);
  assert.deepEqual(second.boxXyxy, [1, 1, 11, 21]);
  assert.equal(second.mask?.areaPx, 8);
  for (const index of [-1, 1, 0.5, Number.NaN]) {
    assert.throws(() => of([[0.75, 1]]).at(index), { code: "INVALID_ARGUMENT" });
  }
});

test("a class without a name is called by its number", () => {
  assert.equal(of([[0.5, 7]]).at(0).name, "7");
});

test("objects are counted by name, in the order of the classes", () => {
  const counts = of([
    [0.9, 1],
    [0.8, 0],
    [0.7, 1],
    [0.6, 5],
  ]).countByName();
  assert.deepEqual(
    [...counts],
    [
      ["plant", 1],
      ["bed", 2],
      ["5", 1],
    ],
  );
  const same = new Detections({
    ...of([
      [0.9, 0],
      [0.8, 1],
    ]),
    names: ["plant", "plant"],
  });
  assert.deepEqual([...same.countByName()], [["plant", 2]]);
});

test("a filter keeps order, boxes and masks", () => {
  const kept = of(
    [
      [0.9, 1],
      [0.8, 0],
      [0.7, 1],
    ],
    true,
  ).filter(({ name }) => name === "bed");
  assert.deepEqual(Array.from(kept.scores), [Math.fround(0.9), Math.fround(0.7)]);
  assert.deepEqual(Array.from(kept.boxesXyxy.subarray(4)), [2, 2, 12, 22]);
  assert.deepEqual(
    kept.masks?.map((mask) => mask.areaPx),
    [9, 7],
  );
  assert.deepEqual(
    Array.from(
      of([
        [0.9, 1],
        [0.8, 0],
      ]).filter((_, i) => i === 1).classIds,
    ),
    [0],
  );
});

test("parts are merged best score first, of equals the earlier part's", () => {
  for (const [parts, expected] of [
    [[], []],
    [[of([])], []],
    [[of([[0.5, 0]]), of([])], [[0.5, 0]]],
    [
      [
        of([
          [0.75, 0],
          [0.25, 0],
        ]),
        of([
          [0.75, 1],
          [0.5, 1],
        ]),
      ],
      [
        [0.75, 0],
        [0.75, 1],
        [0.5, 1],
        [0.25, 0],
      ],
    ],
  ] as const) {
    const merged = Detections.merge(parts);
    assert.deepEqual(
      Array.from(merged, ({ score, classId }) => [score, classId]),
      expected,
    );
  }
  const masked = Detections.merge([of([[0.5, 0]], true), Detections.empty(names)]);
  assert.equal(masked.masks?.length, 1);
  assert.equal(Detections.merge([of([[0.5, 0]], true), of([[0.5, 0]])]).masks, undefined);
  assert.deepEqual(Detections.merge([Detections.empty(names)]).names, names);
});

test("what was found on a slice has its place on the photo", () => {
  const found = of(
    [
      [0.75, 1],
      [0.5, 0],
    ],
    true,
  );
  const placed = found.placeIn([100, 50], [20, 30]);
  assert.deepEqual(Array.from(placed.boxesXyxy), [20, 30, 30, 50, 21, 31, 31, 51]);
  assert.deepEqual(
    placed.masks?.map((mask) => [mask.widthPx, mask.heightPx, ...mask.boxXyxy!]),
    [
      [100, 50, 20, 30, 29, 31],
      [100, 50, 21, 30, 29, 31],
    ],
  );
  assert.deepEqual([placed.scores, placed.classIds], [found.scores, found.classIds]);
  assert.equal(of([[0.5, 0]]).placeIn([100, 50], [20, 30]).masks, undefined);
  assert.throws(() => found.placeIn([28, 50], [20, 30]), { code: "INVALID_ARGUMENT" });
});

test("parts with different classes are not merged", () => {
  assert.throws(() => Detections.merge([of([]), Detections.empty(["weed"])]), {
    code: "INVALID_ARGUMENT",
    message: /plant, bed.*weed/,
  });
});

test("arrays of different lengths are refused", () => {
  const { boxesXyxy, scores, classIds } = of([
    [0.9, 0],
    [0.8, 0],
  ]);
  for (const wrong of [
    { boxesXyxy, scores, classIds: new Int32Array(1) },
    { boxesXyxy: new Float32Array(7), scores, classIds },
    { boxesXyxy, scores, classIds, masks: [] },
  ]) {
    assert.throws(() => new Detections({ ...wrong, names }), { code: "INVALID_ARGUMENT" });
  }
});

test("JSON has a list of objects, with masks as COCO has them", () => {
  const found = of(
    [
      [0.75, 1],
      [0.5, 0],
    ],
    true,
  );
  const json = JSON.parse(JSON.stringify({ detections: found })) as { detections: object[] };
  assert.deepEqual(
    json.detections,
    Array.from(found, ({ mask, ...object }) => ({ ...object, mask: mask!.toRle() })),
  );
  assert.deepEqual(JSON.parse(JSON.stringify(Detections.empty(names))), []);
});
