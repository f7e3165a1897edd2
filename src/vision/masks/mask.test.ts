import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Mask } from "./mask.ts";

/** Rows of "#" and "." */
function maskOf(rows: readonly string[]): Mask {
  const bitmap = rows.flatMap((row) => Array.from(row, (cell) => (cell === "#" ? 1 : 0)));
  return Mask.fromBitmap(bitmap, [rows[0]?.length ?? 0, rows.length]);
}

function rowsOf(mask: Mask): string[] {
  const bitmap = mask.toBitmap();
  return Array.from({ length: mask.heightPx }, (_, y) =>
    Array.from(bitmap.subarray(y * mask.widthPx, (y + 1) * mask.widthPx), (value) =>
      value ? "#" : ".",
    ).join(""),
  );
}

/** Blobs of random discs, or noise. */
function randomMask(seed: number, density: number, [w, h]: readonly [number, number]): Mask {
  let state = seed * 7919 + 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  if (seed % 2)
    return Mask.fromBitmap(
      Array.from({ length: w * h }, () => Number(random() < density)),
      [w, h],
    );
  const bitmap = new Uint8Array(w * h);
  for (let disc = 0; disc < 12; disc++) {
    const [cx, cy, r] = [random() * w, random() * h, random() * density * 9];
    const value = Number(disc % 4 !== 3);
    for (let i = 0; i < bitmap.length; i++) {
      if (Math.hypot((i % w) - cx, Math.floor(i / w) - cy) <= r) bitmap[i] = value;
    }
  }
  return Mask.fromBitmap(bitmap, [w, h]);
}

test("counts go down the columns and start with what is outside", () => {
  for (const [rows, counts, area, box] of [
    [["...", "..."], [6], 0, undefined],
    [["###", "###"], [0, 6], 6, [0, 0, 3, 2]],
    [["#..", "..."], [0, 1, 5], 1, [0, 0, 1, 1]],
    [["..#", ".##"], [3, 3], 3, [1, 0, 3, 2]],
    [["...", ".#.", "..."], [4, 1, 4], 1, [1, 1, 2, 2]],
    [["#.", ".#"], [0, 1, 2, 1], 2, [0, 0, 2, 2]],
  ] as const) {
    const mask = maskOf(rows);
    assert.deepEqual(Array.from(mask.counts), counts);
    assert.equal(mask.areaPx, area);
    assert.deepEqual(mask.boxXyxy, box);
    assert.deepEqual(rowsOf(mask), rows);
    assert.deepEqual(mask.toRle(), { size: [rows.length, rows[0].length], counts: [...counts] });
    assert.deepEqual(Mask.fromRle(mask.toRle()), new Mask(mask));
  }
});

test("a mask without pixels has no counts", () => {
  const none = Mask.fromBitmap([], [0, 0]);
  assert.deepEqual([none.areaPx, none.counts.length, none.toPolygons().length], [0, 0, 0]);
});

test("a bitmap of another size is refused", () => {
  for (const bytes of [3, 5]) {
    const bitmap = new Uint8Array(bytes);
    assert.throws(() => Mask.fromBitmap(bitmap, [2, 2]), { code: "INVALID_ARGUMENT" });
  }
});

test("counts that do not add up to the size are refused", () => {
  for (const [counts, size] of [
    [[], [2, 3]],
    [[5], [2, 3]],
    [
      [0, 7],
      [2, 3],
    ],
    [[6], [1.5, 4]],
  ] as const) {
    assert.throws(() => Mask.fromRle({ counts, size }), { code: "INVALID_ARGUMENT" });
  }
});

test("runs of no length change nothing", () => {
  const mask = Mask.fromRle({ size: [2, 3], counts: [0, 1, 0, 1, 3, 0, 1] });
  assert.deepEqual(rowsOf(mask), ["#..", "#.."]);
  assert.equal(mask.iou(maskOf(["#..", "#.."])), 1);
});

test("contains agrees with the bitmap, and is false outside", () => {
  const mask = randomMask(3, 0.5, [13, 9]);
  const bitmap = mask.toBitmap();
  for (let y = 0; y < 9; y++) {
    for (let x = 0; x < 13; x++) assert.equal(mask.contains(x, y), bitmap[y * 13 + x] === 1);
  }
  const full = maskOf(["##", "##"]);
  assert.ok(full.contains(1.9, 0.2));
  for (const [x, y] of [
    [-1, 0],
    [0, -1],
    [2, 0],
    [0, 2],
    [Number.NaN, 0],
  ] as const) {
    assert.ok(!full.contains(x, y), `${x}, ${y}`);
  }
});

test("IoU is that of the pixels", () => {
  for (const [a, b, expected] of [
    [["..", ".."], ["..", ".."], 0],
    [["##", ".."], ["..", ".."], 0],
    [["##", ".."], ["##", ".."], 1],
    [["##", ".."], [".#", ".#"], 1 / 3],
  ] as const) {
    assert.equal(maskOf(a).iou(maskOf(b)), expected);
  }
  for (let seed = 0; seed < 20; seed++) {
    const [a, b] = [randomMask(seed, 0.6, [17, 23]), randomMask(seed + 50, 0.4, [17, 23])];
    const [p, q] = [a.toBitmap(), b.toBitmap()];
    const both = p.filter((value, i) => value && q[i]).length;
    const either = p.filter((value, i) => value || q[i]).length;
    assert.equal(a.iou(b), both / either);
  }
  assert.throws(() => maskOf(["#"]).iou(maskOf(["##"])), { code: "INVALID_ARGUMENT" });
});

test("a union has the pixels of all", () => {
  for (const [masks, expected] of [
    [[["..", ".."]], ["..", ".."]],
    [
      [
        ["..", ".."],
        ["..", ".."],
      ],
      ["..", ".."],
    ],
    [
      [
        ["#.", ".."],
        ["..", "#."],
        ["..", ".#"],
      ],
      ["#.", "##"],
    ],
    // A hole stays, as far as nothing fills it.
    [
      [
        ["###", "#.#", "###"],
        ["...", "...", ".#."],
      ],
      ["###", "#.#", "###"],
    ],
  ] as const) {
    assert.deepEqual(rowsOf(Mask.union(masks.map(maskOf))), expected);
  }
  for (let seed = 0; seed < 200; seed++) {
    const size = [1 + (seed % 19), 1 + (seed % 23)] as const;
    const masks = Array.from({ length: 1 + (seed % 6) }, (_, i) =>
      randomMask(seed * 7 + i, (seed % 5) / 5 + 0.05, size),
    );
    const bitmaps = masks.map((mask) => mask.toBitmap());
    const either = bitmaps[0]!.map((_, i) => Number(bitmaps.some((bitmap) => bitmap[i])));
    const united = Mask.union(masks);
    // Runs that touch are one, as in a mask made anew.
    assert.deepEqual(united.toRle(), Mask.fromBitmap(either, size).toRle(), `seed ${seed}`);
    assert.deepEqual(united.boxXyxy, boxOf(either, size), `seed ${seed}`);
  }
  const emptyRuns = Mask.fromRle({ size: [2, 3], counts: [0, 1, 0, 1, 3, 0, 1] });
  assert.deepEqual(rowsOf(Mask.union([emptyRuns, maskOf(["..#", "..."])])), ["#.#", "#.."]);
  assert.throws(() => Mask.union([]), { code: "INVALID_ARGUMENT", message: /one mask or more/ });
  assert.throws(() => Mask.union([maskOf(["#"]), maskOf(["##"])]), { code: "INVALID_ARGUMENT" });
});

/** Found pixel by pixel. */
function boxOf(bitmap: Uint8Array, [w]: readonly [number, number]): number[] | undefined {
  const inside = [...bitmap.keys()].filter((i) => bitmap[i]);
  const [xs, ys] = [inside.map((i) => i % w), inside.map((i) => Math.floor(i / w))];
  if (inside.length === 0) return undefined;
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
}

test("a mask of a part of a picture has its place in the whole", () => {
  for (let seed = 0; seed < 60; seed++) {
    const [w, h] = [1 + (seed % 7), 1 + (seed % 5)];
    const [left, top] = [seed % 4, seed % 3];
    const whole = [w + left + (seed % 2), h + top + (seed % 6 === 0 ? 0 : 2)] as const;
    const part = randomMask(seed, 0.7, [w, h]);
    const placed = part.placeIn(whole, [left, top]);
    assert.deepEqual([placed.widthPx, placed.heightPx, placed.areaPx], [...whole, part.areaPx]);
    for (let y = 0; y < whole[1]; y++) {
      for (let x = 0; x < whole[0]; x++) {
        assert.equal(placed.contains(x, y), part.contains(x - left, y - top), `seed ${seed}`);
      }
    }
  }
  // 200 million pixels cost no more than the runs.
  const far = maskOf(["##", "##"]).placeIn([20_000, 10_000], [19_998, 9_998]);
  assert.deepEqual(far.boxXyxy, [19_998, 9_998, 20_000, 10_000]);
  for (const offset of [
    [-1, 0],
    [0, -1],
    [2, 0],
    [0, 2],
    [0.5, 0],
    [Number.NaN, 0],
  ] as const) {
    assert.throws(() => maskOf(["##", "##"]).placeIn([3, 3], offset), {
      code: "INVALID_ARGUMENT",
      message: /2×2 px at .* within 3×3/,
    });
  }
});

/** "0,1 2,3" → [[0, 1], [2, 3]] */
function pointsOf(text: string): [number, number][] {
  const points = text.split(" ").filter((point) => point !== "");
  return points.map((point) => point.split(",").map(Number) as [number, number]);
}

test("outlines hold only the corners, clockwise, without holes", () => {
  for (const [rows, expected] of [
    [["..."], []],
    [["..", ".#"], ["1,1"]],
    [["####"], ["0,0 3,0"]],
    [["#", "#", "#"], ["0,0 0,2"]],
    [["###", "###", "###"], ["0,0 2,0 2,2 0,2"]],
    [["###", "#.#", "###"], ["0,0 2,0 2,2 0,2"]],
    [["#..", ".#.", "..#"], ["0,0 2,2"]],
    [[".#.", "###", ".#."], ["0,1 1,0 2,1 1,2"]],
    [
      ["#..#", "#..#"],
      ["0,0 0,1", "3,0 3,1"],
    ],
    // The middle dot lies in a hole.
    [["#####", "#...#", "#.#.#", "#...#", "#####"], ["0,0 4,0 4,4 0,4"]],
  ] as const) {
    assert.deepEqual(maskOf(rows).toPolygons(), expected.map(pointsOf), rows.join("/"));
  }
});

test("outlines, filled again, are the mask without its holes; one for each shape", () => {
  for (let seed = 0; seed < 60; seed++) {
    const size = [11 + (seed % 7), 9 + (seed % 5)] as const;
    const mask = randomMask(seed, 0.25 + (seed % 6) / 10, size);
    const filled = fillHoles(mask);
    const polygons = mask.toPolygons();
    assert.deepEqual(rowsOf(Mask.fromPolygons(polygons, size)), rowsOf(filled), `seed ${seed}`);
    assert.equal(polygons.length, countShapes(filled), `seed ${seed}`);
  }
});

test("a polygon holds the pixels inside it and on its line", () => {
  for (const [polygon, rows] of [
    ["", ["....", "....", "...."]],
    ["1,1", ["....", ".#..", "...."]],
    ["1,0 1,2", [".#..", ".#..", ".#.."]],
    ["0,1 3,1", ["....", "####", "...."]],
    ["0,0 2,0 0,2", ["###.", "##..", "#..."]],
    ["0.5,0.5 2.5,0.5 2.5,1.5 0.5,1.5", ["....", ".##.", "...."]],
    ["-5,-5 9,-5 9,9 -5,9", ["####", "####", "####"]],
    ["2,-3 9,-3 9,9 2,9", ["..##", "..##", "..##"]],
    // The other way round.
    ["0,2 2,0 0,0", ["###.", "##..", "#..."]],
    // A bow tie: each half is inside.
    ["0,0 3,2 3,0 0,2", ["#..#", "####", "#..#"]],
  ] as const) {
    assert.deepEqual(rowsOf(Mask.fromPolygon(pointsOf(polygon), [4, 3])), rows, polygon);
  }
});

const fixtures = new URL("../../../../shared/fixtures/", import.meta.url);
test("the beds that Ultralytics finds survive the way through polygons", {
  skip: !existsSync(fixtures) && "../shared/fixtures not present",
}, () => {
  const { cases } = JSON.parse(readFileSync(new URL("ultralytics.json", fixtures), "utf8"));
  let count = 0;
  for (const { masks = [], size } of cases) {
    for (const counts of masks as number[][]) {
      const mask = Mask.fromRle({ size: [size[1], size[0]], counts });
      const again = Mask.fromPolygons(mask.toPolygons(), size);
      // Only holes may be added.
      assert.ok(again.iou(mask) > 0.995 && again.iou(mask) === mask.areaPx / again.areaPx);
      count++;
    }
  }
  assert.ok(count > 10);
});

/** What cannot be reached from outside in steps along the axes is inside. */
function fillHoles(mask: Mask): Mask {
  const [w, h] = [mask.widthPx + 2, mask.heightPx + 2];
  const bitmap = mask.toBitmap();
  const isInside = (x: number, y: number) =>
    x > 0 && y > 0 && x < w - 1 && y < h - 1 && bitmap[(y - 1) * (w - 2) + x - 1] === 1;
  const outside = new Uint8Array(w * h);
  const open = [0];
  outside[0] = 1;
  while (open.length > 0) {
    const at = open.pop()!;
    const [x, y] = [at % w, Math.floor(at / w)];
    for (const [nx, ny] of [
      [x - 1, y],
      [x + 1, y],
      [x, y - 1],
      [x, y + 1],
    ] as const) {
      const next = ny * w + nx;
      if (nx < 0 || ny < 0 || nx >= w || ny >= h || outside[next] || isInside(nx, ny)) continue;
      outside[next] = 1;
      open.push(next);
    }
  }
  const filled = bitmap.map((_, i) => {
    const [x, y] = [i % (w - 2), Math.floor(i / (w - 2))];
    return outside[(y + 1) * w + x + 1] ? 0 : 1;
  });
  return Mask.fromBitmap(filled, [w - 2, h - 2]);
}

/** Shapes of pixels that touch at a side or a corner. */
function countShapes(mask: Mask): number {
  const { widthPx: w, heightPx: h } = mask;
  const left = mask.toBitmap();
  let shapes = 0;
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    shapes++;
    const open = [start];
    left[start] = 0;
    while (open.length > 0) {
      const at = open.pop()!;
      const [x, y] = [at % w, Math.floor(at / w)];
      for (let i = 0; i < 9; i++) {
        const [nx, ny] = [x + (i % 3) - 1, y + Math.floor(i / 3) - 1];
        if (nx < 0 || ny < 0 || nx >= w || ny >= h || !left[ny * w + nx]) continue;
        left[ny * w + nx] = 0;
        open.push(ny * w + nx);
      }
    }
  }
  return shapes;
}
