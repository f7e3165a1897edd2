import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { simplifyRing } from "./simplify-ring.ts";

describe("simplifyRing", () => {
  test("leaves a box as it is and closed", () => {
    const box = [
      [0, 0],
      [4, 0],
      [4, 4],
      [0, 4],
      [0, 0],
    ] as const;
    assert.deepEqual(simplifyRing(box, 1), box);
  });

  test("keeps within the tolerance of a staircase", () => {
    const stairs = Array.from(
      { length: 100 },
      (_, i) => [Math.ceil(i / 2), Math.floor(i / 2)] as const,
    );
    const ring = [...stairs, [0, 49] as const, stairs[0]!];
    const simple = simplifyRing(ring, 1);
    assert.deepEqual(simple, [[0, 0], stairs[99], [0, 49], [0, 0]]);
  });
});
