import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { fromCocoCounts, toCocoCounts } from "./coco-counts.ts";

// Texts by pycocotools 2.0 (`frPyObjects`).
const cases: [counts: number[], text: string][] = [
  [[], ""],
  [[4], "4"],
  [[0, 4], "04"],
  [[6, 1, 40, 4, 5, 4, 5, 4, 21], "61X13mN000`0"],
  [[5, 3, 1000, 70000, 2, 70010, 1010, 3], "53Xo0][T2jPO:`o0YdkM"],
  [[100000, 1, 100000, 31, 3, 33], "PeQ31PeQ3n0S[nL2"],
];

for (const [counts, text] of cases) {
  test(`run lengths [${counts}] are written as pycocotools writes them`, () => {
    assert.equal(toCocoCounts(counts), text);
    assert.deepEqual(fromCocoCounts(text), Uint32Array.from(counts));
  });
}

test("a mask of many and long runs comes back as it was", () => {
  const counts = Uint32Array.from({ length: 50_000 }, (_, i) => (i * 2_654_435_761) % 200_000_000);
  assert.deepEqual(fromCocoCounts(toCocoCounts(counts)), counts);
});

for (const text of ["X", "\u0001", "ÿ", "4N", "oooooooo1"]) {
  test(`the damaged text ${JSON.stringify(text)} is refused`, () => {
    assert.throws(
      () => fromCocoCounts(text.padStart(3, "0")),
      (error) => isOrangeryError(error, "LEDGER_UNREADABLE"),
    );
  });
}
