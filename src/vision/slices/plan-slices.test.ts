import assert from "node:assert/strict";
import { test } from "node:test";
import { planSlices, type SliceOptions } from "./plan-slices.ts";

/** Left, top, right, bottom. */
function cornersOf(options: SliceOptions): number[][] {
  return planSlices(options).map(({ left, top, width, height }) => [
    left,
    top,
    left + width,
    top + height,
  ]);
}

test("slices go row by row, and those at the edges are moved back to full size", () => {
  for (const [options, expected] of [
    [{ photoWh: [1, 1], sliceWh: [320, 320] }, [[0, 0, 1, 1]]],
    [{ photoWh: [1, 1], sliceWh: [1, 1] }, [[0, 0, 1, 1]]],
    [{ photoWh: [320, 320], sliceWh: [320, 320] }, [[0, 0, 320, 320]]],
    [{ photoWh: [200, 100], sliceWh: [320, 320] }, [[0, 0, 200, 100]]],
    // As wide as the photo, but not as high.
    [
      { photoWh: [200, 400], sliceWh: [320, 320] },
      [
        [0, 0, 200, 320],
        [0, 80, 200, 400],
      ],
    ],
    [
      { photoWh: [10, 7], sliceWh: [6, 4], overlap: 0.25 },
      [
        [0, 0, 6, 4],
        [4, 0, 10, 4],
        [0, 3, 6, 7],
        [4, 3, 10, 7],
      ],
    ],
    [
      { photoWh: [10, 4], sliceWh: [4, 4], overlap: [0.5, 0] },
      [
        [0, 0, 4, 4],
        [2, 0, 6, 4],
        [4, 0, 8, 4],
        [6, 0, 10, 4],
      ],
    ],
    [
      { photoWh: [8, 4], sliceWh: [4, 4], overlap: 0 },
      [
        [0, 0, 4, 4],
        [4, 0, 8, 4],
      ],
    ],
  ] as const) {
    assert.deepEqual(cornersOf(options), expected);
  }
});

test("a photo of 1080 × 1920 has 15 slices of 512, 102 px over each other", () => {
  const slices = cornersOf({ photoWh: [1080, 1920], sliceWh: [512, 512] });
  assert.equal(slices.length, 15);
  assert.deepEqual(slices.slice(0, 4), [
    [0, 0, 512, 512],
    [410, 0, 922, 512],
    [568, 0, 1080, 512],
    [0, 410, 512, 922],
  ]);
  assert.deepEqual(slices.at(-1), [568, 1408, 1080, 1920]);
});

test("without a size, the photo's area decides how many slices there are", () => {
  const [small, medium, high] = [2 ** 19, 2 ** 21, 2 ** 24];
  for (const [photoWh, count, sliceWh] of [
    [[1, 1], 1, [1, 1]],
    [[small / 512, 512], 1, [1024, 512]],
    [[small / 512 + 1, 512], 6, [512, 512]],
    [[512, small / 512 + 1], 6, [512, 512]],
    [[1000, 1000], 1, [1000, 1000]],
    [[medium / 1024, 1024], 6, [1024, 1024]],
    [[medium / 1024 + 1, 1024], 6 * 3, [512, 512]],
    [[1500, 1500], 3 * 3, [750, 750]],
    [[6000, 4000], 13 * 6, [750, 1000]],
    [[high / 4096, 4096], 3 * 3, [2048, 2048]],
    [[5000, 5000], 6 * 6, [1250, 1250]],
    // Too flat to be cut in two.
    [[1, 3_000_000], 6, [1, 750_000]],
  ] as const) {
    const slices = planSlices({ photoWh });
    assert.equal(slices.length, count, `${photoWh}`);
    assert.deepEqual([slices[0]!.width, slices[0]!.height], sliceWh, `${photoWh}`);
  }
});

test("slices are where walking over the photo puts them, and leave no pixel out", () => {
  let state = 1;
  const random = (most: number) => {
    state = (state * 48271) % 2147483647;
    return 1 + (state % most);
  };
  for (let round = 0; round < 2000; round++) {
    const photoWh = [random(300), random(300)] as const;
    const sliceWh = [random(200) + 9, random(200) + 9] as const;
    const overlap = [(random(95) - 1) / 100, (random(95) - 1) / 100] as const;
    const [columns, rows] = ([0, 1] as const).map((axis) => {
      const size = sliceWh[axis];
      return walk(photoWh[axis], size, Math.floor(size * overlap[axis]));
    }) as [Span[], Span[]];
    assert.deepEqual(
      cornersOf({ photoWh, sliceWh, overlap }),
      rows.flatMap(([top, bottom]) => columns.map(([left, right]) => [left, top, right, bottom])),
    );
    for (const [spans, extent] of [
      [columns, photoWh[0]],
      [rows, photoWh[1]],
    ] as const) {
      assert.equal(spans[0]![0], 0);
      assert.equal(spans.at(-1)![1], extent);
      assert.ok(spans.every(([start], i) => i === 0 || start <= spans[i - 1]![1]));
    }
  }
});

type Span = [start: number, end: number];

/** Step by step: as long as the last one ends before the photo does. */
function walk(extent: number, size: number, overlap: number): Span[] {
  const spans: Span[] = [];
  for (let start = 0, end = 0; end < extent; start = end - overlap) {
    end = start + size;
    const shown = Math.min(end, extent);
    spans.push([Math.max(0, shown - size), shown]);
  }
  return spans;
}

test("what cannot be laid out is refused", () => {
  const photoWh = [100, 100] as const;
  for (const [options, message] of [
    [{ photoWh, sliceWh: [0, 10] }, /`sliceWh`.*from 1 up.*0,10/],
    [{ photoWh, sliceWh: [10.5, 10] }, /`sliceWh`/],
    [{ photoWh, sliceWh: [10] }, /`sliceWh`/],
    [{ photoWh, sliceWh: [Infinity, 10] }, /`sliceWh`/],
    [{ photoWh, sliceWh: 320 }, /`sliceWh`/],
    [{ photoWh, slice: [10, 10] }, /`slice`/],
    [{ photoWh: [0, 100], sliceWh: [10, 10] }, /`photoWh`/],
    [{ photoWh: [Number.NaN, 100] }, /`photoWh`/],
    [{ photoWh, sliceWh: [10, 10], overlap: 1 }, /`overlap`.*below 1.*`1`/],
    [{ photoWh, sliceWh: [10, 10], overlap: 1.5 }, /`overlap`/],
    [{ photoWh, sliceWh: [10, 10], overlap: -0.1 }, /`overlap`/],
    [{ photoWh, sliceWh: [10, 10], overlap: Number.NaN }, /`overlap`/],
    [{ photoWh, sliceWh: [10, 10], overlap: [0.2, 1] }, /`overlap`/],
    [{ photoWh, sliceWh: [10, 10], overlap: [0.2] }, /`overlap`/],
    [{ photoWh, sliceWh: [10, 10], overlap: "0.2" }, /`overlap`/],
  ] as const) {
    assert.throws(() => planSlices(options as unknown as SliceOptions), {
      code: "INVALID_ARGUMENT",
      message,
    });
  }
});

test("a photo that would take too many slices is too large", () => {
  for (const options of [
    { photoWh: [10_000, 10_000], sliceWh: [100, 100], overlap: 0.99 },
    { photoWh: [1e9, 1e9], sliceWh: [1, 1] },
  ] as const) {
    assert.throws(() => planSlices(options), {
      code: "PHOTO_TOO_LARGE",
      message: /at most 100000 slices/,
    });
  }
});
