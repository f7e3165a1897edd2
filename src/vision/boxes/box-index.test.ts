import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxIndex } from "./box-index.ts";

function found(index: BoxIndex, box: number, count: number): number[] {
  const near = new Int32Array(count);
  return Array.from(near.subarray(0, index.find(box, near))).sort((a, b) => a - b);
}

test("a box finds the few around it, until they are taken out", () => {
  const far = Array.from({ length: 1000 }, (_, i) => [i * 100, 500, i * 100 + 10, 510]);
  const shapes = [[0, 0, 10, 10], [2, 2, 12, 12], [1, 1, 9.5, 9.5], ...far];
  const index = new BoxIndex(Float32Array.from(shapes.flat()), { metric: "iou", threshold: 0.3 });
  assert.deepEqual(found(index, 0, shapes.length), [0, 1, 2]);
  index.remove(1);
  index.remove(1);
  assert.deepEqual(found(index, 0, shapes.length), [0, 2]);
  assert.deepEqual(found(index, 1, shapes.length), [0, 2]);
  index.remove(0);
  index.remove(2);
  assert.deepEqual(found(index, 0, shapes.length), []);
  for (let box = 3; box < shapes.length; box++) {
    assert.deepEqual(found(index, box, shapes.length), [box]);
  }
});

test("boxes without area are not found, and find nothing", () => {
  const shapes = [
    [0, 0, 0, 0],
    [0, 0, 10, 0],
    [10, 10, 0, 0],
    [Number.NaN, 0, 10, 10],
    [0, 0, 10, 10],
  ];
  const index = new BoxIndex(Float32Array.from(shapes.flat()), { metric: "ios", threshold: 0.1 });
  for (let box = 0; box < 4; box++) {
    assert.deepEqual(found(index, box, 5), []);
    index.remove(box);
  }
  assert.deepEqual(found(index, 4, 5), [4]);
  const none = new BoxIndex(new Float32Array(0), { metric: "iou", threshold: 0.5 });
  assert.ok(none instanceof BoxIndex);
});

test("endless and far-away boxes are found", () => {
  const shapes = [
    [-Infinity, 0, Infinity, 5],
    [0, 0, 1e30, 1e30],
    [1e29, 1e29, 1e30, 1e30],
    [0, 0, 4, 4],
    [3e9, 3e9, 3e9 + 1e4, 3e9 + 1e4],
    [3e9, 3e9, 3e9 + 1e4, 3e9 + 1e4],
  ];
  const index = new BoxIndex(Float32Array.from(shapes.flat()), { metric: "ios", threshold: 0.5 });
  for (const [box, expected] of [
    [0, [3]],
    [1, [2, 3, 4, 5]],
    [3, [0, 1]],
    [4, [1, 5]],
  ] as const) {
    const near = found(index, box, 6);
    for (const other of expected) assert.ok(near.includes(other), `${box}: ${other} of ${near}`);
  }
});
