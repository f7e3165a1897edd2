import assert from "node:assert/strict";
import { test } from "node:test";
import { photosInHand } from "./photos-in-hand.ts";

test("as many photos are in hand as keep the cores and a GPU busy, and not too many", () => {
  const cores = [1, 2, 4, 8, 16, 64];
  const inHand = (isOnCpu: boolean) => cores.map((count) => photosInHand({ isOnCpu }, count));
  assert.deepEqual(inHand(true), [3, 3, 5, 9, 9, 9]);
  assert.deepEqual(inHand(false), [4, 4, 4, 8, 8, 8]);
});
