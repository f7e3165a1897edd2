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
  const alike = (...changes: readonly [number, number][]) => areAlike(values, changed(changes));

  test("are alike but for rounding, and for two in 400", () => {
    assert.ok(alike());
    assert.ok(alike([3, -199], [1, 9e-6], [250, 49.9]));
    assert.ok(alike([250, 0], [251, 0]));
    assert.ok(!alike([250, 0], [251, 0], [252, 0]));
    assert.ok(!areAlike(values, values.subarray(1)));
  });

  test("are not where one alone is infinite or no number", () => {
    assert.ok(!alike([250, Number.NaN]));
    assert.ok(!alike([250, Number.POSITIVE_INFINITY]));
    assert.ok(!alike([0, 1]));
  });

  test("are alike where boxes come in another order", () => {
    const order = changed([]);
    order.set(values.subarray(200, 240), 240);
    order.set(values.subarray(240, 280), 200);
    assert.ok(areAlike(values, order));
    const other = Float32Array.from(order);
    other.set([900, 901, 902], 240);
    assert.ok(!areAlike(values, other));
    assert.ok(!areAlike(values, values.toReversed()), "nothing is where it was");
  });
});
