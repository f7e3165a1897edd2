import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fillRings } from "./fill-rings.ts";
import { Mask } from "./mask.ts";
import { outlineMask, type Ring, type RingedShape } from "./pixel-outline.ts";

/** Rows of the mask, `#` inside. */
function rows(shapes: readonly RingedShape[], wh: readonly [number, number]): string[] {
  const bitmap = fillRings(shapes, wh).toBitmap();
  return Array.from({ length: wh[1] }, (_, y) =>
    Array.from({ length: wh[0] }, (_, x) => (bitmap[y * wh[0] + x] ? "#" : ".")).join(""),
  );
}

const square = (from: number, to: number): Ring => [
  [from, from],
  [to, from],
  [to, to],
  [from, to],
];

describe("fillRings", () => {
  test("fills the pixels whose centres are inside, and leaves holes", () => {
    assert.deepEqual(rows([[square(1, 4), square(2, 3)]], [5, 5]), [
      ".....",
      ".###.",
      ".#.#.",
      ".###.",
      ".....",
    ]);
    assert.deepEqual(rows([[square(0.6, 1.4)]], [2, 2]), ["..", ".."]);
    assert.deepEqual(rows([[square(0.4, 1.6)]], [2, 2]), ["##", "##"]);
  });

  test("unites shapes, and cuts off what lies beyond the picture", () => {
    assert.deepEqual(rows([[square(-9, 2)], [square(1, 3)]], [4, 3]), ["##..", "###.", ".##."]);
    assert.deepEqual(rows([[square(9, 12)]], [2, 1]), [".."]);
  });

  test("leaves out what an outline encloses twice", () => {
    const star: Ring = [
      [0, 0],
      [4, 0],
      [4, 4],
      [0, 4],
      [0, 0],
      [1, 1],
      [3, 1],
      [3, 3],
      [1, 3],
      [1, 1],
    ];
    assert.deepEqual(rows([[star]], [4, 4]), ["####", "#..#", "#..#", "####"]);
  });

  test("is the inverse of outlineMask", () => {
    for (let seed = 1; seed < 40; seed++) {
      let state = seed;
      const bitmap = Array.from({ length: 11 * 7 }, () => {
        state = (state * 48_271) % 2_147_483_647;
        return state % 3 === 0 ? 0 : 1;
      });
      const mask = Mask.fromBitmap(bitmap, [11, 7]);
      assert.deepEqual(fillRings(outlineMask(mask), [11, 7]).counts, mask.counts);
    }
  });
});
