import assert from "node:assert/strict";
import { test } from "node:test";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { mergeRegions } from "./merge-regions.ts";

type Box = readonly [number, number, number, number];

/** Regions whose masks fill their boxes, on a photo of 20×10 px; the first has the best score. */
function regionsOf(boxes: readonly Box[], classIds: readonly number[] = []): Detections {
  return new Detections({
    names: ["bed", "path"],
    boxesXyxy: Float32Array.from(boxes.flat()),
    scores: Float32Array.from(boxes, (_, index) => 0.9 - 0.125 * index),
    classIds: Int32Array.from(boxes, (_, index) => classIds[index] ?? 0),
    masks: boxes.map(([x1, y1, x2, y2]) => {
      const bitmap = new Uint8Array(200);
      for (let y = y1; y < y2; y++) bitmap.fill(1, 20 * y + x1, 20 * y + x2);
      return Mask.fromBitmap(bitmap, [20, 10]);
    }),
  });
}

const cases: {
  title: string;
  boxes: Box[];
  classIds?: number[];
  merged: { from: number; box: Box; areaPx: number }[];
}[] = [
  { title: "no region", boxes: [], merged: [] },
  {
    title: "two apart, and one without area",
    boxes: [
      [0, 0, 5, 10],
      [5, 0, 10, 10],
      [7, 7, 7, 7],
    ],
    merged: [
      { from: 0, box: [0, 0, 5, 10], areaPx: 50 },
      { from: 1, box: [5, 0, 10, 10], areaPx: 50 },
      { from: 2, box: [7, 7, 7, 7], areaPx: 0 },
    ],
  },
  {
    title: "a part within another, which has the better score",
    boxes: [
      [0, 0, 10, 4],
      [0, 0, 10, 10],
    ],
    merged: [{ from: 0, box: [0, 0, 10, 10], areaPx: 100 }],
  },
  {
    title: "two that overlap by half of the smaller, and two by less",
    boxes: [
      [0, 0, 4, 4],
      [2, 0, 8, 4],
      [10, 0, 15, 4],
      [13, 0, 20, 4],
    ],
    merged: [
      { from: 0, box: [0, 0, 8, 4], areaPx: 32 },
      { from: 2, box: [10, 0, 15, 4], areaPx: 20 },
      { from: 3, box: [13, 0, 20, 4], areaPx: 28 },
    ],
  },
  {
    title: "two that only a third one joins, whatever its score",
    boxes: [
      [0, 0, 4, 4],
      [6, 0, 10, 4],
      [0, 0, 10, 4],
    ],
    merged: [{ from: 0, box: [0, 0, 10, 4], areaPx: 40 }],
  },
  {
    title: "two classes in one place",
    boxes: [
      [0, 0, 10, 10],
      [0, 0, 10, 10],
    ],
    classIds: [1, 0],
    merged: [
      { from: 0, box: [0, 0, 10, 10], areaPx: 100 },
      { from: 1, box: [0, 0, 10, 10], areaPx: 100 },
    ],
  },
];

for (const { title, boxes, classIds, merged } of cases) {
  test(`regions are merged: ${title}`, () => {
    const regions = regionsOf(boxes, classIds);
    assert.deepEqual(
      Array.from(mergeRegions(regions), ({ score, classId, boxXyxy, mask }) => {
        return [score, classId, boxXyxy, mask?.areaPx];
      }),
      merged.map(({ from, box, areaPx }) => {
        const { score, classId } = regions.at(from);
        return [score, classId, box, areaPx];
      }),
    );
  });
}

test("boxes of turned regions may overlap where their masks do not", () => {
  const wh = [100, 100] as const;
  const masks = [
    Mask.fromPolygon(
      [
        [0, 90],
        [10, 99],
        [99, 10],
        [90, 0],
      ],
      wh,
    ),
    Mask.fromPolygon(
      [
        [0, 70],
        [8, 78],
        [78, 8],
        [70, 0],
      ],
      wh,
    ),
  ];
  const regions = new Detections({
    names: ["bed"],
    boxesXyxy: Float32Array.from(masks.flatMap((mask) => mask.boxXyxy!)),
    scores: Float32Array.of(0.9, 0.8),
    classIds: Int32Array.of(0, 0),
    masks,
  });
  assert.equal(mergeRegions(regions).length, 2);
});
