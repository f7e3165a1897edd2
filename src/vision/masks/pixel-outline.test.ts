import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Mask } from "./mask.ts";
import { outlineMask, type RingedShape, signedArea } from "./pixel-outline.ts";

/** `#` is inside. */
function maskOf(...rows: string[]): Mask {
  const bitmap = rows.flatMap((row) => Array.from(row, (cell) => (cell === "#" ? 1 : 0)));
  return Mask.fromBitmap(bitmap, [rows[0]!.length, rows.length]);
}

function areaOf(shapes: readonly RingedShape[]): number {
  return shapes.flat().reduce((sum, ring) => sum + signedArea(ring), 0);
}

function assertProper(shapes: readonly RingedShape[], message: string): void {
  for (const [outer, ...holes] of shapes) {
    assert.ok(signedArea(outer!) > 0, `${message}: outer rings go counterclockwise`);
    for (const hole of holes) assert.ok(signedArea(hole) < 0, `${message}: holes go clockwise`);
  }
  for (const ring of shapes.flat()) {
    assert.deepEqual(ring.at(-1), ring[0], `${message}: rings are closed`);
    const corners = new Set(ring.map(String));
    assert.equal(corners.size, ring.length - 1, `${message}: no ring touches itself`);
  }
}

describe("outlineMask", () => {
  test("gives nothing for an empty mask", () => {
    assert.deepEqual(outlineMask(maskOf("...", "...")), []);
  });

  test("goes along the edges of the pixels, with corners only where it turns", () => {
    assert.deepEqual(outlineMask(maskOf("....", ".##.", ".##.")), [
      [
        [
          [1, 1],
          [3, 1],
          [3, 3],
          [1, 3],
          [1, 1],
        ],
      ],
    ]);
  });

  test("gives a hole to the part around it, and a part inside a hole for itself", () => {
    const shapes = outlineMask(
      maskOf("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"),
    );
    assert.deepEqual(
      shapes.map((rings) => rings.map(signedArea)),
      [
        [49, -25],
        [9, -1],
      ],
    );
  });

  test("takes pixels that touch in a corner for parts of their own", () => {
    const shapes = outlineMask(maskOf(".#.", "#.#", ".#."));
    assert.equal(shapes.length, 4);
    assertProper(shapes, "diamond");
  });

  test("lets a hole touch its outer ring in a corner", () => {
    const shapes = outlineMask(maskOf("####", "#..#", "##.#", ".###"));
    assert.equal(shapes.length, 1);
    assert.equal(shapes[0]!.length, 2);
    assertProper(shapes, "touching hole");
    const pinched = outlineMask(maskOf("###.", "#..#", "####"));
    assertProper(pinched, "pinched");
    assert.equal(areaOf(pinched), 9);
  });

  test("encloses exactly the pixels of any mask", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let round = 0; round < 60; round++) {
      const [width, height] = [1 + Math.floor(20 * random()), 1 + Math.floor(20 * random())];
      const fill = random();
      const mask = Mask.fromBitmap(
        Array.from({ length: width * height }, () => (random() < fill ? 1 : 0)),
        [width, height],
      );
      const shapes = outlineMask(mask);
      assert.equal(areaOf(shapes), mask.areaPx);
      assertProper(shapes, `round ${round}`);
    }
  });
});
