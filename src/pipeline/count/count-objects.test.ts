import assert from "node:assert/strict";
import { test } from "node:test";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { countObjects, inReadingOrder } from "./count-objects.ts";

type Box = readonly [number, number, number, number];

function detect(boxes: readonly Box[], { names = ["plant"], classIds = [] as number[] } = {}) {
  return new Detections({
    names,
    boxesXyxy: Float32Array.from(boxes.flat()),
    scores: Float32Array.from(boxes, (_, i) => 0.9 - 0.01 * i),
    classIds: Int32Array.from(boxes, (_, i) => classIds[i] ?? 0),
  });
}

/** Regions whose masks fill their boxes, on a photo of 20×10 px. */
function regions(boxes: readonly Box[]) {
  const { names, boxesXyxy, scores, classIds } = detect(boxes, { names: ["bed"] });
  const masks = boxes.map(([x1, y1, x2, y2]) => {
    const bitmap = new Uint8Array(200);
    for (let y = y1; y < y2; y++) bitmap.fill(1, 20 * y + x1, 20 * y + x2);
    return Mask.fromBitmap(bitmap, [20, 10]);
  });
  return new Detections({ names, boxesXyxy, scores, classIds, masks });
}

const left: Box = [0, 0, 8, 10];
const right: Box = [10, 0, 20, 10];

const cases = [
  { title: "nothing", objects: detect([]), regions: undefined, counts: [] },
  { title: "nothing in a region", objects: detect([]), regions: regions([left]), counts: [] },
  {
    title: "objects without regions",
    objects: detect([left, right]),
    regions: undefined,
    counts: [{ region: 0, name: "plant", count: 2 }],
  },
  {
    title: "objects in regions, between them, which do not count, and none in one",
    objects: detect([
      [1, 1, 3, 3],
      [6, 1, 9.9, 3],
      [8, 1, 10, 3],
    ]),
    regions: regions([left, right]),
    counts: [
      { region: 0, name: "plant", count: 2 },
      { region: 1, name: "plant", count: 2 },
      { region: 2, name: "plant", count: 0 },
    ],
  },
  {
    title: "an object where two regions overlap, in the first",
    objects: detect([[4, 4, 6, 6]]),
    regions: regions([left, [2, 0, 20, 10]]),
    counts: [
      { region: 0, name: "plant", count: 1 },
      { region: 1, name: "plant", count: 1 },
      { region: 2, name: "plant", count: 0 },
    ],
  },
  {
    title: "several names, with a region that has no pixels",
    objects: detect([left, right, left], { names: ["plant", "weed"], classIds: [0, 1, 1] }),
    regions: regions([left, [15, 0, 15, 0]]),
    counts: [
      { region: 0, name: "plant", count: 1 },
      { region: 0, name: "weed", count: 1 },
      { region: 1, name: "plant", count: 1 },
      { region: 1, name: "weed", count: 1 },
      { region: 2, name: "plant", count: 0 },
      { region: 2, name: "weed", count: 0 },
    ],
  },
];

for (const { title, objects, regions, counts } of cases) {
  test(`counting ${title}`, () => {
    assert.deepEqual(countObjects(objects, regions), counts);
  });
}

const orders: { title: string; boxes: Box[]; order: Box[] }[] = [
  { title: "no regions", boxes: [], order: [] },
  { title: "one row", boxes: [right, left], order: [left, right] },
  {
    title: "two rows that hang a little",
    boxes: [
      [10, 5, 20, 9],
      [0, 6, 9, 10],
      [10, 0, 20, 4],
      [0, 1, 9, 5],
    ],
    order: [
      [0, 1, 9, 5],
      [10, 0, 20, 4],
      [0, 6, 9, 10],
      [10, 5, 20, 9],
    ],
  },
  {
    title: "a box of no height",
    boxes: [
      [0, 3, 4, 3],
      [0, 1, 4, 1],
    ],
    order: [
      [0, 1, 4, 1],
      [0, 3, 4, 3],
    ],
  },
];

for (const { title, boxes, order } of orders) {
  test(`regions in reading order: ${title}`, () => {
    const ordered = inReadingOrder(detect(boxes));
    assert.deepEqual(
      Array.from(ordered, ({ boxXyxy }) => boxXyxy),
      order,
    );
  });
}
