import assert from "node:assert/strict";
import { test } from "node:test";
import { Extremes } from "./extremes.ts";

test("Extremes keeps the least, of equals the first, and nothing without a rank", () => {
  const extremes = new Extremes<readonly [string, number]>(3, ([, rank]) => rank);
  for (const item of [
    ["a", 5],
    ["b", 1],
    ["c", 5],
    ["d", 1],
    ["e", 9],
    ["f", 5],
    ["g", 0],
  ] as const) {
    extremes.add(item);
  }
  assert.deepEqual(
    extremes.items.map(([name]) => name),
    ["g", "b", "d"],
  );
  const unranked = new Extremes<string>(3, () => Infinity);
  unranked.add("a");
  assert.deepEqual(unranked.items, []);
});
