import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readPickledJson, writePickle } from "./python-pickle.ts";

describe("a pickle of plain data", () => {
  test("is read as it was written", () => {
    const values = [
      null,
      [],
      {},
      "",
      "ü🌱\0",
      [true, false, 0, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 40), 0.1, -1e300],
      { a: { b: [{ c: null }] }, 1: "x".repeat(70_000) },
    ];
    for (const value of values) assert.deepEqual(readPickledJson(writePickle(value)), value);
  });

  test("is as Python writes it by protocol 2, but for its memo", () => {
    // pickle.loads of these gives {'a': [1, None]}.
    const bytes = Buffer.from(
      "8002 7d 28 58 01000000 61 5d 28 4a 01000000 4e 65 75 2e".replaceAll(" ", ""),
      "hex",
    );
    assert.deepEqual(writePickle({ a: [1, null] }), bytes);
  });

  test("is not read where it has more than data, or is by another protocol", () => {
    for (const hex of ["8004950100000000000000 4e2e", "8002 63 6f730a73797374656d0a 2e", ""]) {
      assert.throws(() => readPickledJson(Buffer.from(hex.replaceAll(" ", ""), "hex")));
    }
  });
});
