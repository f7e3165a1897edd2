import assert from "node:assert/strict";
import { test } from "node:test";
import { boxIou } from "./boxes.ts";
import { matchBoxes } from "./match-boxes.ts";

test("a box is matched once, with the best, and with the one that overlaps it most", () => {
  const truth = Float32Array.of(0, 0, 10, 10, 4, 0, 14, 10);
  const found = Float32Array.of(3, 0, 13, 10, 3, 0, 13, 10, 40, 0, 50, 10);
  assert.deepEqual([...matchBoxes(found, truth)], [1, 0, -1]);
  assert.deepEqual([...matchBoxes(found, new Float32Array())], [-1, -1, -1]);
  assert.deepEqual([...matchBoxes(new Float32Array(), truth)], []);
});

test("crowds are matched as by comparing every pair", () => {
  let state = 7;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const boxes = (count: number) =>
    Float32Array.from(
      Array.from({ length: count }).flatMap(() => {
        const [x, y, side] = [90 * random(), 90 * random(), 5 + 20 * random()];
        return [x, y, x + side, y + side * (0.5 + random())];
      }),
    );
  const [found, truth] = [boxes(400), boxes(300)];
  const free = new Set(Array.from({ length: 300 }, (_, i) => i));
  const expected = Array.from({ length: 400 }, (_, i) => {
    const ranked = [...free]
      .map((j) => ({ j, iou: boxIou(found, i, truth, j) }))
      .filter(({ iou }) => iou >= 0.5)
      .sort((a, b) => b.iou - a.iou || a.j - b.j);
    if (ranked.length === 0) return -1;
    free.delete(ranked[0]!.j);
    return ranked[0]!.j;
  });
  assert.deepEqual([...matchBoxes(found, truth)], expected);
  assert.ok(expected.filter((j) => j >= 0).length > 50);
});
