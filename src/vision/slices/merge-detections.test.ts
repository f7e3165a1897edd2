import assert from "node:assert/strict";
import { test } from "node:test";
import type { Defined } from "../../base/check-options.ts";
import { Detections } from "../detections.ts";
import { Mask } from "../masks/mask.ts";
import { type MergeOptions, mergeDetections } from "./merge-detections.ts";

const names = ["plant", "weed", "stone"];

type Row = readonly [x1: number, y1: number, x2: number, y2: number, score: number, id?: number];

function of(rows: readonly Row[], masks?: readonly Mask[]): Detections {
  return new Detections({
    boxesXyxy: Float32Array.from(rows.flatMap((row) => row.slice(0, 4) as number[])),
    scores: Float32Array.from(rows, (row) => row[4]),
    classIds: Int32Array.from(rows, (row) => row[5] ?? 0),
    names,
    masks,
  });
}

function rowsOf(detections: Detections): number[][] {
  return Array.from(detections, ({ boxXyxy, score, classId }) => [...boxXyxy, score, classId]);
}

/** A rectangle's pixels in a picture of 40 × 30. */
function rectangle(left: number, top: number, right: number, bottom: number): Mask {
  const bitmap = new Uint8Array(40 * 30);
  for (let y = top; y < bottom; y++) bitmap.fill(1, y * 40 + left, y * 40 + right);
  return Mask.fromBitmap(bitmap, [40, 30]);
}

const nms: MergeOptions = { method: "nms", metric: "iou" };
const nmm: MergeOptions = { method: "nmm", metric: "ios" };

test("of boxes that match one is left, and grows with nmm", () => {
  const halves: Row[] = [
    [0, 0, 10, 10, 0.5],
    [0, 0, 10, 6, 0.75],
  ];
  for (const [rows, options, expected] of [
    [[], nms, []],
    [[], nmm, []],
    [[[1, 2, 3, 4, 0.5, 2]], nmm, [[1, 2, 3, 4, 0.5, 2]]],
    [halves, nms, [[0, 0, 10, 6, 0.75, 0]]],
    [halves, nmm, [[0, 0, 10, 10, 0.75, 0]]],
    // SAHI's defaults.
    [halves, {}, [[0, 0, 10, 10, 0.75, 0]]],
    // A part cut off by a slice's edge: hardly any IoU, but wholly inside.
    [
      [
        [0, 0, 10, 10, 0.75],
        [0, 0, 10, 1, 0.5],
      ],
      { ...nms, metric: "ios" },
      [[0, 0, 10, 10, 0.75, 0]],
    ],
    [
      [
        [0, 0, 10, 10, 0.75],
        [0, 0, 10, 1, 0.5],
      ],
      { ...nmm, metric: "iou" },
      [
        [0, 0, 10, 10, 0.75, 0],
        [0, 0, 10, 1, 0.5, 0],
      ],
    ],
    // What is taken out takes nothing out: the third overlaps only the second.
    [
      [
        [0, 0, 10, 10, 0.75],
        [0, 4, 10, 14, 0.625],
        [0, 8, 10, 18, 0.5],
      ],
      { ...nms, threshold: 0.4 },
      [
        [0, 0, 10, 10, 0.75, 0],
        [0, 8, 10, 18, 0.5, 0],
      ],
    ],
  ] as const) {
    assert.deepEqual(rowsOf(mergeDetections(of(rows), options)), expected);
  }
});

test("the threshold itself is a match, but does not grow", () => {
  // IoU and IoS of 0.5.
  const exactly: Row[] = [
    [0, 0, 10, 10, 0.75],
    [5, 0, 15, 10, 0.5],
  ];
  const left = [[0, 0, 10, 10, 0.75, 0]];
  assert.deepEqual(rowsOf(mergeDetections(of(exactly), { ...nms, metric: "ios" })), left);
  assert.deepEqual(rowsOf(mergeDetections(of(exactly), nmm)), left);
  assert.equal(mergeDetections(of(exactly), { ...nmm, threshold: 0.51 }).length, 2);
  assert.deepEqual(rowsOf(mergeDetections(of(exactly), { ...nmm, threshold: 0.49 })), [
    [0, 0, 15, 10, 0.75, 0],
  ]);
  // In float32 90 of 100 is a little below 0.9, and so is the threshold that it is compared with.
  const ninety: Row[] = [
    [0, 0, 10, 10, 0.75],
    [0, 0, 10, 9, 0.5],
  ];
  assert.equal(mergeDetections(of(ninety), { ...nms, threshold: 0.9 }).length, 1);
  // Of one box twice, the second is left out even by the highest threshold.
  const twice = of([exactly[0]!, exactly[0]!]);
  assert.deepEqual(rowsOf(mergeDetections(twice, { ...nmm, threshold: 1 })), left);
});

test("an object that the grown box no longer matches is lost", () => {
  // The third matches the first by IoU 5/9; when that has grown by the second, by 5/12.
  const rows: Row[] = [
    [0, 0, 10, 7, 0.75],
    [0, 0, 10, 10, 0.625],
    [0, 2, 10, 9, 0.5],
    [0, 0, 10, 4, 0.25],
  ];
  assert.deepEqual(rowsOf(mergeDetections(of(rows), { ...nmm, metric: "iou" })), [
    [0, 0, 10, 10, 0.75, 0],
  ]);
});

test("classes are merged by themselves unless the merge is class-agnostic", () => {
  const rows: Row[] = [
    [0, 0, 10, 10, 0.75, 1],
    [0, 0, 10, 9, 0.75, 0],
    [0, 0, 10, 8, 0.5, 2],
    [1, 0, 10, 10, 0.75, 2],
  ];
  const apart = [
    [0, 0, 10, 9, 0.75, 0],
    [0, 0, 10, 10, 0.75, 1],
    [0, 0, 10, 10, 0.75, 2],
  ];
  assert.deepEqual(rowsOf(mergeDetections(of(rows), nmm)), apart);
  // The first by its box is the second; of equal scores the class is that of the one taken in last.
  assert.deepEqual(rowsOf(mergeDetections(of(rows), { ...nmm, classAgnostic: true })), [
    [0, 0, 10, 10, 0.75, 2],
  ]);
  assert.deepEqual(rowsOf(mergeDetections(of(rows), { ...nms, classAgnostic: true })), [
    [0, 0, 10, 9, 0.75, 0],
  ]);
  const unequal = of([rows[0]!, [...rows[1]!.slice(0, 4), 0.5, 0] as unknown as Row]);
  assert.equal(mergeDetections(unequal, { ...nmm, classAgnostic: true }).classIds[0], 1);
});

test("masks are united with their holes, and the box is around them", () => {
  const frame = rectangle(2, 2, 12, 12).toBitmap();
  for (let y = 5; y < 9; y++) frame.fill(0, y * 40 + 5, y * 40 + 9);
  const masks = [
    Mask.fromBitmap(frame, [40, 30]),
    rectangle(8, 2, 16, 12),
    rectangle(30, 20, 35, 25),
  ];
  const rows: Row[] = [
    [1.5, 1.5, 12.5, 12.5, 0.75],
    [7.5, 1.5, 16.5, 12.5, 0.5],
    [29.5, 20, 35, 25, 0.25],
  ];
  const merged = mergeDetections(of(rows, masks), { ...nmm, threshold: 0.4 });
  assert.deepEqual(rowsOf(merged), [
    [2, 2, 16, 12, 0.75, 0],
    // Merged with nothing: as it was.
    [29.5, 20, 35, 25, 0.25, 0],
  ]);
  const [united, alone] = merged.masks as [Mask, Mask];
  assert.equal(united.areaPx, 14 * 10 - 3 * 4);
  assert.ok(!united.contains(6, 6));
  assert.ok(united.contains(8, 6));
  assert.equal(alone, masks[2]);
  const kept = mergeDetections(of(rows, masks), { ...nms, metric: "ios", threshold: 0.4 });
  assert.equal(kept.masks![0], masks[0]);
  assert.deepEqual(rowsOf(kept)[0], [...rows[0]!, 0]);
});

test("with masks the boxes around them are compared, and without pixels the object's", () => {
  const rows: Row[] = [
    [0, 0, 10, 10, 0.75],
    [0, 0, 10, 10, 0.5],
  ];
  const apart = [rectangle(0, 0, 5, 10), rectangle(5, 0, 10, 10)];
  assert.equal(mergeDetections(of(rows, apart), nmm).length, 2);
  const none = rectangle(0, 0, 0, 0);
  const merged = mergeDetections(of(rows, [none, none]), nmm);
  assert.deepEqual(rowsOf(merged), [[0, 0, 10, 10, 0.75, 0]]);
  assert.equal(merged.masks![0]!.areaPx, 0);
});

test("boxes without area or upside down match nothing", () => {
  const rows: Row[] = [
    [0, 0, 10, 10, 0.75],
    [5, 5, 5, 5, 0.5],
    [5, 5, 5, 5, 0.5],
    [8, 8, 2, 2, 0.25],
    [8, 8, 2, 2, 0.25],
  ];
  for (const options of [nms, nmm]) {
    assert.equal(mergeDetections(of(rows), { ...options, threshold: 0.01 }).length, 5);
  }
});

test("what cannot be merged is refused", () => {
  const pair = of([
    [0, 0, 10, 10, 0.75],
    [0, 0, 10, 10, 0.5],
  ]);
  for (const [options, message] of [
    [{ threshold: 0 }, /`threshold`.*above 0.*`0`/],
    [{ threshold: 1.01 }, /`threshold`/],
    [{ threshold: Number.NaN }, /`threshold`/],
    [{ threshold: "0.5" }, /`threshold`.*string/],
    [{ method: "wbf" }, /`method`.*nms or nmm.*`wbf`/],
    [{ metric: "IOS" }, /`metric`.*iou or ios/],
    [{ classAgnostic: 1 }, /`classAgnostic`/],
    [{ metod: "nms" }, /`metod`/],
  ] as const) {
    assert.throws(() => mergeDetections(pair, options as unknown as MergeOptions), {
      code: "INVALID_ARGUMENT",
      message,
    });
  }
  for (const [row, message] of [
    [[Number.NaN, 0, 10, 10, 0.5], /`boxesXyxy`.*NaN at 0/],
    [[0, 0, 10, Infinity, 0.5], /`boxesXyxy`.*Infinity at 3/],
    [[0, 0, 10, 10, Number.NaN], /`scores`.*NaN at 0/],
  ] as const) {
    assert.throws(() => mergeDetections(of([row])), { code: "INVALID_ARGUMENT", message });
  }
  const sizes = [rectangle(0, 0, 10, 10), Mask.fromRle({ size: [10, 10], counts: [0, 100] })];
  assert.throws(
    () =>
      mergeDetections(
        of(
          [
            [0, 0, 10, 10, 0.5],
            [0, 0, 10, 10, 0.5],
          ],
          sizes,
        ),
      ),
    {
      code: "INVALID_ARGUMENT",
    },
  );
});

test("crowds of all kinds merge as by comparing every pair", () => {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)]!;
  const shapes: Record<string, (extent: number) => readonly [number, number]> = {
    alike: () => [20 + 9 * random(), 20 + 9 * random()],
    mixed: (extent) => [extent * random() ** 4, extent * random() ** 4],
    thin: (extent) => (random() < 0.5 ? [extent * random(), random()] : [2, extent * random()]),
    whole: () => [Math.floor(9 * random()), Math.floor(9 * random())],
    lopsided: (extent) => (random() < 0.02 ? [extent, extent] : [2, 2]),
  };
  const counted = { matched: 0, lost: 0 };
  for (let round = 0; round < 3000; round++) {
    const shape = pick(Object.values(shapes));
    const extent = pick([12, 60, 400, 50_000]);
    const [isWhole, classCount] = [random() < 0.4, pick([1, 1, 2, 5])];
    const rows = Array.from({ length: Math.floor(pick([4, 30, 120]) * random()) }, (): Row => {
      const [x, y] = [extent * random(), extent * random()];
      const at = isWhole ? [Math.floor(x), Math.floor(y)] : [x, y];
      const [w, h] = shape(extent);
      const size = isWhole ? [Math.ceil(w), Math.ceil(h)] : [w, h];
      // Few scores, for many ties.
      const score = Math.ceil(random() * pick([3, 1000])) / 1000;
      const id = Math.floor(random() * classCount);
      return [at[0]!, at[1]!, at[0]! + size[0]!, at[1]! + size[1]!, score, id];
    });
    const options = {
      method: pick(["nms", "nmm"] as const),
      metric: pick(["iou", "ios"] as const),
      threshold: pick([0.01, 0.2, 0.5, 0.5, 0.75, 0.9, 0.999, 1]),
      classAgnostic: random() < 0.3,
    };
    const expected = mergeByComparingAll(rows, options, counted);
    assert.deepEqual(rowsOf(mergeDetections(of(rows), options)), expected, `round ${round}`);
  }
  assert.ok(counted.matched > 5000 && counted.lost > 100, JSON.stringify(counted));
});

/** SAHI's rules, from its documentation and results, without an index. */
function mergeByComparingAll(
  rows: readonly Row[],
  { method, metric, threshold, classAgnostic }: Defined<MergeOptions>,
  counted: { matched: number; lost: number },
): number[][] {
  const f = Math.fround;
  const exactly = (value: number) => value;
  const overlap = (a: number[], b: number[], round: (value: number) => number) => {
    const w = Math.max(0, round(Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)));
    const h = Math.max(0, round(Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)));
    const both = round(w * h);
    const areaOf = (box: number[]) => round(round(box[2]! - box[0]!) * round(box[3]! - box[1]!));
    const [p, q] = [areaOf(a), areaOf(b)];
    const whole = metric === "ios" ? Math.min(p, q) : round(round(p + q) - both);
    return whole > 0 ? round(both / whole) : 0;
  };
  const objects = rows.map((row) => [...(row.slice(0, 5) as number[]).map(f), row[5] ?? 0]);
  const groupOf = (object: number[]) => (classAgnostic ? 0 : object[5]!);
  const [x1, y1, x2, y2, score] = [0, 1, 2, 3, 4];
  const waiting = [...objects].sort(
    (a, b) =>
      groupOf(a) - groupOf(b) ||
      b[score]! - a[score]! ||
      a[x1]! - b[x1]! ||
      a[y1]! - b[y1]! ||
      a[x2]! - b[x2]! ||
      a[y2]! - b[y2]!,
  );
  const kept: number[][] = [];
  while (waiting.length > 0) {
    const best = waiting.shift()!;
    const matched = waiting.filter(
      (other) => groupOf(other) === groupOf(best) && overlap(best, other, f) >= f(threshold),
    );
    for (const other of matched) waiting.splice(waiting.indexOf(other), 1);
    const grown = [...best];
    for (const other of method === "nmm" ? matched : []) {
      counted.matched++;
      if (!(overlap(grown, other, exactly) > threshold)) {
        counted.lost++;
        continue;
      }
      for (const side of [x1, y1]) grown[side] = Math.min(grown[side]!, other[side]!);
      for (const side of [x2, y2]) grown[side] = Math.max(grown[side]!, other[side]!);
      if (other[score]! >= best[score]!) grown[5] = other[5]!;
    }
    kept.push(grown);
  }
  return kept.sort((a, b) => b[score]! - a[score]!);
}
