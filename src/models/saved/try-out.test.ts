import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { areAlike } from "./try-out.ts";

describe("answers of two networks", () => {
  const values = Float32Array.from({ length: 400 }, (_, i) => i - 200.5);
  values.set([Number.NaN, 1e-7, Number.POSITIVE_INFINITY], 0);
  const changed = (changes: readonly [number, number][]) => {
    const others = Float32Array.from(values);
    for (const [i, value] of changes) others[i] = value;
    return others;
  };
  const areAlikeInOrder = (others: Float32Array) =>
    areAlike({ values, boxes: [] }, { values: others, boxes: [] });
  const alike = (...changes: readonly [number, number][]) => areAlikeInOrder(changed(changes));

  test("are alike but for rounding, and for two in 400", () => {
    assert.ok(alike());
    assert.ok(alike([3, -199], [1, 9e-6], [250, 49.9]));
    assert.ok(alike([250, 0], [251, 0]));
    assert.ok(!alike([250, 0], [251, 0], [252, 0]));
    assert.ok(!areAlikeInOrder(values.subarray(1)));
  });

  test("are not where one alone is infinite or no number", () => {
    assert.ok(!alike([250, Number.NaN]));
    assert.ok(!alike([250, Number.POSITIVE_INFINITY]));
    assert.ok(!alike([0, 1]));
  });

  test("are not where values come in another order", () => {
    assert.ok(!areAlikeInOrder(values.toReversed()));
  });
});

describe("boxes that two networks find", () => {
  const boxes = Array.from({ length: 40 }, (_, i) => Float32Array.of(i, 2 * i, 9, 3 * i, 0.5, 1));
  const alike = (others: readonly Float32Array[]) =>
    areAlike({ values: new Float32Array(), boxes }, { values: new Float32Array(), boxes: others });

  test("are alike in any order, but for rounding", () => {
    assert.ok(alike(boxes.toReversed()));
    assert.ok(alike(boxes.map((box) => box.map((value) => 1.001 * value))));
  });

  test("are alike where two in 40 differ", () => {
    const other = Float32Array.of(50, 60, 70, 80, 0.5, 1);
    assert.ok(alike([...boxes.slice(2), other, other]));
    assert.ok(!alike([...boxes.slice(3), other, other, other]));
    assert.ok(!alike(boxes.slice(1)));
  });

  test("are not where a box is another's with sides exchanged, or no number", () => {
    const turned = boxes.map(([x, y, right, bottom, score, id]) =>
      Float32Array.of(y!, x!, bottom!, right!, score!, id!),
    );
    assert.ok(!alike(turned));
    assert.ok(!alike(boxes.map((box) => box.map(() => Number.NaN))));
    assert.ok(!alike(boxes.map((box) => box.with(0, Number.POSITIVE_INFINITY))));
  });
});
