import assert from "node:assert/strict";
import { test } from "node:test";
import { photosInHand } from "./photos-in-hand.ts";

test("more photos are in hand than a device has runs at a time", () => {
  assert.deepEqual(
    [1, 2, 64].map((cores) => photosInHand({ isOnCpu: true }, cores)),
    [3, 4, 66],
  );
  assert.equal(photosInHand({ isOnCpu: false }, 16), 48);
});
