import assert from "node:assert/strict";
import { test } from "node:test";
import { Mask } from "../../vision/masks/mask.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import { planSlices } from "../../vision/slices/plan-slices.ts";
import { slicesTouching } from "./slices-in-regions.ts";

const [width, height] = [60, 40];
const slices = planSlices({ photoWh: [width, height], sliceWh: [16, 16], overlap: 0.25 });

function maskOf(isInside: (x: number, y: number) => boolean): Mask {
  const bitmap = Uint8Array.from({ length: width * height }, (_, i) =>
    isInside(i % width, Math.floor(i / width)) ? 1 : 0,
  );
  return Mask.fromBitmap(bitmap, [width, height]);
}

/** Looks at every pixel. */
function holdsPixel({ left, top, width, height }: Slice, masks: readonly Mask[]): boolean {
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) {
      if (masks.some((mask) => mask.contains(x, y))) return true;
    }
  }
  return false;
}

const cases: [what: string, masks: Mask[]][] = [
  ["no masks", []],
  ["a mask without pixels", [maskOf(() => false)]],
  ["the whole photo", [maskOf(() => true)]],
  ["one pixel", [maskOf((x, y) => x === 37 && y === 21)]],
  ["the last pixel", [maskOf((x, y) => x === width - 1 && y === height - 1)]],
  [
    "a ring, in whose middle slices touch nothing",
    [
      maskOf((x, y) => {
        const distance = Math.hypot(x - 30, y - 20);
        return distance > 26 && distance < 28;
      }),
    ],
  ],
  ["a diagonal, whose box is the photo", [maskOf((x, y) => Math.abs(x - y) < 2)]],
  ["two masks", [maskOf((x) => x < 3), maskOf((_, y) => y > 37)]],
];
for (const [what, masks] of cases) {
  test(`slices that touch ${what}`, () => {
    const expected = slices.filter((slice) => holdsPixel(slice, masks));
    assert.deepEqual(slicesTouching(slices, masks), expected);
  });
}
