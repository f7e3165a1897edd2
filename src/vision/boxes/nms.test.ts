import assert from "node:assert/strict";
import { test } from "node:test";
import { type NmsOptions, nms } from "./nms.ts";

interface Boxes {
  boxesXyxy: Float32Array;
  scores: Float32Array;
  classIds: Int32Array;
}

/** Rows of x1, y1, x2, y2, score, class. */
function boxesOf(rows: readonly (readonly number[])[]): Boxes {
  return {
    boxesXyxy: Float32Array.from(rows.flatMap((row) => row.slice(0, 4))),
    scores: Float32Array.from(rows, (row) => row[4]!),
    classIds: Int32Array.from(rows, (row) => row[5] ?? 0),
  };
}

test("better boxes suppress those that overlap them more than the threshold", () => {
  const pair = [
    [0, 0, 10, 10, 0.5, 0],
    [0, 0, 10, 9, 0.9, 0],
  ];
  const twoClasses = [pair[0], [0, 0, 10, 9, 0.9, 1]];
  for (const [rows, options, expected] of [
    [[], {}, []],
    [[pair[0]], {}, [0]],
    [pair, {}, [1]],
    [pair, { iou: 0.95 }, [1, 0]],
    // Exactly the threshold is not above it: IoU 0.5.
    [
      [
        [0, 0, 10, 10, 0.9],
        [0, 0, 10, 5, 0.8],
      ],
      { iou: 0.5 },
      [0, 1],
    ],
    [twoClasses, {}, [1, 0]],
    [twoClasses, { classAgnostic: true }, [1]],
    // Of equal scores the earlier one.
    [
      [
        [0, 0, 9, 9, 0.5],
        [0, 0, 9, 9, 0.5],
        [20, 0, 29, 9, 0.5],
      ],
      {},
      [0, 2],
    ],
    [
      [
        [0, 0, 9, 9, 0.1],
        [20, 0, 29, 9, 0.3],
        [40, 0, 49, 9, 0.2],
      ],
      { maxDetections: 2 },
      [1, 2],
    ],
    [
      [
        [0, 0, 9, 9, 0.1],
        [20, 0, 29, 9, 0.3],
        [40, 0, 49, 9, 0.2],
      ],
      { maxCandidates: 1 },
      [1],
    ],
    [pair, { maxDetections: 0 }, []],
    // A suppressed box suppresses nothing: the third overlaps only the second.
    [
      [
        [0, 0, 10, 10, 0.9],
        [0, 4, 10, 14, 0.8],
        [0, 8, 10, 18, 0.7],
      ],
      { iou: 0.4 },
      [0, 2],
    ],
  ] as const) {
    assert.deepEqual(Array.from(nms(boxesOf(rows as number[][]), options)), expected);
  }
});

test("the class offset is float32 and coarsens boxes of high classes", () => {
  // At 79 · 7680 neighbouring float32 are 1/16 px apart: 10.03 becomes 10 and 10.21 as 10.2 becomes
  // 10.1875.
  const rows = (classId: number) => [
    [10, 10, 10.2, 10.2, 0.9, classId],
    [10.03, 10.03, 10.21, 10.21, 0.8, classId],
  ];
  assert.deepEqual(Array.from(nms(boxesOf(rows(0)), { iou: 0.7 })), [0, 1]);
  assert.deepEqual(Array.from(nms(boxesOf(rows(79)), { iou: 0.7 })), [0]);
});

test("boxes without area, upside down, endless or not numbers do no harm", () => {
  const broken = boxesOf([
    [0, 0, 0, 0, 0.9],
    [5, 5, 1, 1, 0.8],
    [Number.NaN, 0, 5, 5, 0.7],
    [-Infinity, 0, Infinity, 5, 0.6],
    [0, 0, 1e30, 1e30, 0.5],
    [0, 0, 4, 4, 0.4],
  ]);
  assert.deepEqual(Array.from(nms(broken)), slowNms(broken, {}));
});

test("crowds are suppressed as by comparing every pair", () => {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (const [count, classCount, maxSide, options] of [
    [500, 1, 60, {}],
    [800, 80, 200, {}],
    [800, 3, 30, { iou: 0.2, maxDetections: 10_000 }],
    [600, 5, 640, { iou: 0.45, classAgnostic: true }],
    [900, 2, 8, { iou: 0.01, maxDetections: 10_000, maxCandidates: 700 }],
  ] as const) {
    const crowd = boxesOf(
      Array.from({ length: count }, () => {
        const [x, y] = [random() * 640, random() * 640];
        const [w, h] = [random() ** 3 * maxSide, random() ** 3 * maxSide];
        // Coarse scores, for many ties.
        const score = Math.ceil(random() * 50) / 50;
        return [x, y, x + w, y + h, score, Math.floor(random() * classCount)];
      }),
    );
    assert.deepEqual(Array.from(nms(crowd, options)), slowNms(crowd, options));
  }
});

/** The reference, box by box: every kept box is compared with every candidate. */
function slowNms({ boxesXyxy, scores, classIds }: Boxes, options: NmsOptions): number[] {
  const { iou = 0.7, maxDetections = 300, classAgnostic = false, maxCandidates = 30_000 } = options;
  const f = Math.fround;
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, maxCandidates);
  const boxes = order.map((i) =>
    [0, 1, 2, 3].map((k) =>
      f(boxesXyxy[4 * i + k]! + (classAgnostic ? 0 : f(classIds[i]! * 7680))),
    ),
  );
  const area = (box: number[]) => f(f(box[2]! - box[0]!) * f(box[3]! - box[1]!));
  const suppressed = new Set<number>();
  const kept: number[] = [];
  for (const [p, a] of boxes.entries()) {
    if (suppressed.has(p)) continue;
    kept.push(order[p]!);
    for (let q = p + 1; q < boxes.length; q++) {
      const b = boxes[q]!;
      const w = Math.max(0, f(Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!)));
      const h = Math.max(0, f(Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!)));
      const both = f(w * h);
      if (f(both / f(f(area(a) + area(b)) - both)) > iou) suppressed.add(q);
    }
  }
  return kept.slice(0, maxDetections);
}
