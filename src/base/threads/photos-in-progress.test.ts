import assert from "node:assert/strict";
import { test } from "node:test";
import { photosInProgress } from "./photos-in-progress.ts";

test("as many photos are in hand as keep the cores and a GPU busy, and not too many", () => {
  const cores = [1, 2, 4, 8, 16, 64];
  const inProgress = (isOnCpu: boolean) =>
    cores.map((count) => photosInProgress({ isOnCpu }, count));
  assert.deepEqual(inProgress(true), [3, 3, 5, 9, 9, 9]);
  assert.deepEqual(inProgress(false), [4, 4, 4, 8, 8, 8]);
});
