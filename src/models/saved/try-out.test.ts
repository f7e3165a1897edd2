import assert from "node:assert/strict";
import { test } from "node:test";
import { areAlike } from "./try-out.ts";

test("answers are alike where three in four values are, but for rounding", () => {
  const values = Float32Array.of(600, -0.5, 1e-5, Number.NaN, 0, 3, 4, 5);
  const change = (...changes: readonly [number, number][]) => {
    const others = Float32Array.from(values);
    for (const [i, value] of changes) others[i] = value;
    return areAlike(values, others);
  };
  assert.ok(change());
  assert.ok(change([0, 605], [1, -0.501], [2, 1.01e-5]));
  assert.ok(change([0, 300], [2, 3e-5]), "two boxes in another order");
  assert.ok(!change([0, 300], [2, 3e-5], [3, 1]));
  assert.ok(!areAlike(values, values.subarray(1)));
});
