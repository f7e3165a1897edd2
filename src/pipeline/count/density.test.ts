import assert from "node:assert/strict";
import { test } from "node:test";
import { Mask } from "../../vision/masks/mask.ts";
import type { Region } from "../../vision/region.ts";
import { objectDensities } from "./density.ts";

function region(number: number, areaPx: number): Region {
  const counts = Uint32Array.of(0, areaPx, 2000 * 1000 - areaPx);
  const mask = new Mask({ widthPx: 2000, heightPx: 1000, counts });
  return { number, classId: 0, name: "bed", score: 1, boxXyxy: [0, 0, 1, 1], areaPx, mask };
}

test("objects are as close together as the photo or their region is large", () => {
  const counts = [
    { region: 0, name: "plant", count: 30 },
    { region: 1, name: "plant", count: 30 },
    { region: 2, name: "plant", count: 0 },
  ];
  const photo = { widthPx: 2000, heightPx: 1000, counts };
  assert.deepEqual(
    objectDensities({ ...photo, regions: [region(1, 500_000), region(2, 0)] }).map(
      ({ areaPx, perMegapixel }) => [areaPx, perMegapixel],
    ),
    [
      [2_000_000, 15],
      [500_000, 60],
      [0, undefined],
    ],
  );
  assert.deepEqual(objectDensities({ ...photo, counts: counts.slice(0, 1) }), [
    { region: 0, name: "plant", count: 30, areaPx: 2_000_000, perMegapixel: 15 },
  ]);
});
