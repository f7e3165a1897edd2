import assert from "node:assert/strict";
import { test } from "node:test";
import { roundHalfEven } from "./rounding.ts";

test("ties go to the even neighbour, everything else to the nearest", () => {
  for (const [value, expected] of [
    [0, 0],
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [320.5, 320],
    [0.49999999999999994, 0],
    [2.4, 2],
    [2.6, 3],
    [-0.1, 0],
    [-0.5, 0],
    [-1.5, -2],
    [-2.6, -3],
  ] as const) {
    assert.equal(roundHalfEven(value) + 0, expected, `${value}`);
  }
});
