import assert from "node:assert/strict";
import { test } from "node:test";
import { planLetterbox } from "../letterbox/plan-letterbox.ts";
import { boxArea, boxIos, boxIou, scaleBoxes, selectBoxes, xywhToXyxy } from "./boxes.ts";

test("centre and size become corners", () => {
  for (const [xywh, xyxy] of [
    [[], []],
    [
      [10, 20, 4, 6],
      [8, 17, 12, 23],
    ],
    [
      [1, 1, 0, 0, 5, 5, 3, 3],
      [1, 1, 1, 1, 3.5, 3.5, 6.5, 6.5],
    ],
  ] as const) {
    assert.deepEqual(Array.from(xywhToXyxy(Float32Array.from(xywh))), xyxy);
  }
});

test("boxes go back to the photo and are cut at its edges", () => {
  const plan = planLetterbox({ photoWh: [1600, 1200], inputWh: [640, 640] });
  for (const [input, photo] of [
    [[], []],
    [
      [0, 80, 640, 560],
      [0, 0, 1600, 1200],
    ],
    [
      [100, 180, 200, 280],
      [250, 250, 500, 500],
    ],
    [
      [-5, 10, 700, 700],
      [0, 0, 1600, 1200],
    ],
  ] as const) {
    const scaled = Array.from(scaleBoxes(Float32Array.from(input), plan));
    assert.deepEqual(scaled, photo);
  }
});

test("odd paddings are taken off as they were put on", () => {
  const plan = planLetterbox({ photoWh: [640, 427], inputWh: [640, 640] });
  const corners = Float32Array.of(0, plan.padTop, 640, plan.padTop + 427);
  assert.deepEqual(Array.from(scaleBoxes(corners, plan)), [0, 0, 640, 427]);
});

test("each step back is float32", () => {
  const plan = planLetterbox({ photoWh: [1000, 333], inputWh: [640, 640], minimumRectangle: true });
  const [x] = scaleBoxes(Float32Array.of(123.4, 50, 200, 60), plan);
  assert.equal(x, Math.fround(Math.fround(Math.fround(123.4) - 0) / Math.fround(0.64)));
});

test("IoU is intersection over union", () => {
  for (const [a, b, expected] of [
    [[0, 0, 2, 2], [0, 0, 2, 2], 1],
    [[0, 0, 2, 2], [2, 0, 4, 2], 0],
    [[0, 0, 2, 2], [5, 5, 6, 6], 0],
    [[0, 0, 4, 4], [2, 2, 6, 6], Math.fround(4 / 28)],
    [[0, 0, 4, 4], [1, 1, 3, 3], 0.25],
    [[1, 1, 1, 1], [1, 1, 1, 1], Number.NaN],
  ] as const) {
    const boxes = Float32Array.from([...a, ...b]);
    assert.equal(boxIou(boxes, 0, boxes, 1), expected);
    assert.equal(boxIou(boxes, 1, boxes, 0), expected);
  }
  assert.equal(boxArea(Float32Array.of(0, 0, 0, 0, 1, 2, 4, 6), 1), 12);
});

test("IoS is intersection over the smaller area", () => {
  for (const [a, b, expected] of [
    [[0, 0, 2, 2], [0, 0, 2, 2], 1],
    [[0, 0, 2, 2], [2, 0, 4, 2], 0],
    [[0, 0, 4, 4], [2, 2, 6, 6], 0.25],
    [[0, 0, 4, 4], [1, 1, 3, 3], 1],
    [[0, 0, 6, 1], [5, 0, 8, 1], Math.fround(1 / 3)],
  ] as const) {
    const boxes = Float32Array.from([...a, ...b]);
    assert.equal(boxIos(boxes, 0, boxes, 1), expected);
    assert.equal(boxIos(boxes, 1, boxes, 0), expected);
  }
});

test("boxes are selected in the order asked for", () => {
  const boxes = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  assert.deepEqual(Array.from(selectBoxes(boxes, [1, 0, 1])), [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
  assert.equal(selectBoxes(boxes, []).length, 0);
});
