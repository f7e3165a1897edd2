import assert from "node:assert/strict";
import { test } from "node:test";
import { planLetterbox } from "../letterbox/plan-letterbox.ts";
import { Mask } from "./mask.ts";
import {
  type MaskPlan,
  masksFromPrototypes,
  type Prototypes,
  planInputMasks,
  planPhotoMasks,
} from "./prototypes.ts";

function randomNumbers(seed: number): () => number {
  let state = seed * 7919 + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Smooth planes for even seeds, noise for odd ones; a third of them with exact zeros. */
function randomPrototypes(seed: number, width: number, height: number, count: number): Prototypes {
  const random = randomNumbers(seed);
  const data = Float32Array.from({ length: count * width * height }, (_, i) => {
    const [x, y, k] = [i % width, Math.floor(i / width) % height, Math.floor(i / width / height)];
    if (seed % 2) return seed % 3 ? random() - 0.5 : Math.round(random() * 2 - 1);
    return Math.sin((x * (k + 1) + seed) / 5) + Math.cos((y * (k + 2)) / 7);
  });
  return { data, count, width, height };
}

test("the prototypes' padding is stripped with the reference's rounding", () => {
  for (const [photo, prototypes, expected] of [
    [
      [640, 640],
      [160, 160],
      [0, 0, 160, 160],
    ],
    [
      [1600, 1200],
      [160, 160],
      [0, 20, 160, 140],
    ],
    [
      [640, 427],
      [160, 160],
      [0, 26, 160, 133],
    ],
    [
      [427, 640],
      [160, 160],
      [26, 0, 133, 160],
    ],
    [
      [3000, 2000],
      [80, 56],
      [0, 1, 80, 54],
    ],
    [
      [20_000, 5],
      [160, 160],
      [0, 79, 160, 80],
    ],
  ] as const) {
    const [photoWidth, photoHeight] = photo;
    const [width, height] = prototypes;
    const plan = planPhotoMasks({ photoWidth, photoHeight }, { width, height });
    assert.deepEqual([plan.left, plan.top, plan.right, plan.bottom], expected, `${photo}`);
    assert.deepEqual([plan.widthPx, plan.heightPx], photo);
  }
});

test("masks of the input's size use all prototypes", () => {
  const letterbox = planLetterbox({ photoWh: [427, 640], inputWh: [320, 320] });
  assert.deepEqual(planInputMasks(letterbox, { width: 80, height: 80 }), {
    left: 0,
    top: 0,
    right: 80,
    bottom: 80,
    widthPx: 320,
    heightPx: 320,
  });
});

test("no boxes make no masks, and an empty mask is undefined", () => {
  const prototypes = { data: Float32Array.of(1, 1, 1, 1), count: 1, width: 2, height: 2 };
  const plan = planInputMasks({ inputWidth: 8, inputHeight: 8 }, prototypes);
  const masks = (boxes: number[], coefficients: number[]) =>
    masksFromPrototypes({
      prototypes,
      plan,
      boxesXyxy: Float32Array.from(boxes),
      coefficients: Float32Array.from(coefficients),
    }).map((mask) => mask?.areaPx);
  assert.deepEqual(masks([], []), []);
  assert.deepEqual(masks([0, 0, 8, 8, 0, 0, 8, 8], [1, -1]), [64, undefined]);
  // x1 ≤ column < x2, also between pixels and over the edge.
  assert.deepEqual(masks([1, 2, 3, 5], [1]), [6]);
  assert.deepEqual(masks([1.2, 2, 3.2, 5], [1]), [6]);
  assert.deepEqual(masks([1.2, 2, 1.8, 5], [1]), [undefined]);
  assert.deepEqual(masks([-9, -9, 99, 2], [1]), [16]);
  assert.deepEqual(masks([5, 5, 1, 1], [1]), [undefined]);
  assert.deepEqual(masks([20, 20, 30, 30], [1]), [undefined]);
  // A logit of 0 is not above 0.
  assert.deepEqual(masks([0, 0, 8, 8], [0]), [undefined]);
  for (const broken of [Number.NaN, Infinity, -Infinity]) {
    assert.deepEqual(masks([broken, 0, broken, 8], [1]), [undefined]);
  }
  assert.deepEqual(masks([0, 0, 8, 8], [-Infinity]), [undefined]);
  assert.throws(() => masks([0, 0, 8, 8], [Number.NaN]), { code: "INFERENCE_NOT_FINITE" });
});

test("a slope is cut where it crosses 0", () => {
  // From 3 at the first row's centre to −1 at the last one's: 0 at three quarters of the way.
  const prototypes = { data: Float32Array.of(3, -1), count: 1, width: 1, height: 2 };
  const [mask] = masksFromPrototypes({
    prototypes,
    coefficients: Float32Array.of(1),
    boxesXyxy: Float32Array.of(0, 0, 1, 16),
    plan: planInputMasks({ inputWidth: 1, inputHeight: 16 }, prototypes),
  });
  // Row y lies at (y + 0.5) / 8 − 0.5: row 9 at 0.6875, row 10 at 0.8125.
  assert.deepEqual(mask?.toRle().counts, [0, 10, 6]);
});

test("the runs are those of every pixel's own value", () => {
  for (let seed = 0; seed < 24; seed++) {
    const random = randomNumbers(seed + 100);
    const prototypes = randomPrototypes(seed, 20 + (seed % 3), 14 + (seed % 5), 1 + (seed % 9));
    const photoWidth = Math.round(5 + random() * 180);
    const photoHeight = Math.round(5 + random() * 180);
    const plan =
      seed % 4 === 3
        ? planInputMasks({ inputWidth: 80, inputHeight: 56 }, prototypes)
        : planPhotoMasks({ photoWidth, photoHeight }, prototypes);
    const boxes = Array.from({ length: 6 }, () => {
      const [x, y] = [random() * plan.widthPx, random() * plan.heightPx];
      return [x - random() * 50, y - random() * 50, x + random() * 90, y + random() * 90];
    });
    boxes.push([0, 0, plan.widthPx, plan.heightPx]);
    const coefficients = Float32Array.from(
      { length: boxes.length * prototypes.count },
      () => random() - 0.5,
    );
    const boxesXyxy = Float32Array.from(boxes.flat());
    const options = { prototypes, coefficients, boxesXyxy, plan };
    const masks = masksFromPrototypes(options);
    for (const [i, mask] of masks.entries()) {
      const expected = slowMask(options, i);
      const counts = mask?.counts ?? Uint32Array.of(plan.widthPx * plan.heightPx);
      assert.deepEqual(counts, expected.counts, `seed ${seed}, box ${i}`);
    }
  }
});

test("lengths that do not fit each other are refused", () => {
  const prototypes = randomPrototypes(0, 4, 4, 2);
  const plan = planInputMasks({ inputWidth: 8, inputHeight: 8 }, prototypes);
  const boxesXyxy = Float32Array.of(0, 0, 8, 8);
  for (const wrong of [
    { prototypes, coefficients: new Float32Array(3), boxesXyxy, plan },
    { prototypes: { ...prototypes, width: 5 }, coefficients: new Float32Array(2), boxesXyxy, plan },
  ]) {
    assert.throws(() => masksFromPrototypes(wrong), { code: "INVALID_ARGUMENT" });
  }
});

/** Every pixel on its own: weighted prototypes, torch's bilinear formula, the box, above 0. */
function slowMask(
  options: {
    prototypes: Prototypes;
    coefficients: Float32Array;
    boxesXyxy: Float32Array;
    plan: MaskPlan;
  },
  index: number,
): Mask {
  const { prototypes, coefficients, boxesXyxy, plan } = options;
  const { count, width, height, data } = prototypes;
  const logits = new Float32Array(width * height);
  for (let i = 0; i < logits.length; i++) {
    // In the order of additions that the code under test uses, four planes at a time.
    for (let k = 0; k < count; k += 4) {
      let four = 0;
      for (let j = k; j < Math.min(k + 4, count); j++) {
        four += coefficients[index * count + j]! * data[j * width * height + i]!;
      }
      logits[i]! += four;
    }
  }
  const box = boxesXyxy.subarray(4 * index, 4 * index + 4);
  const between = (pixel: number, pixels: number, cells: number) => {
    const position = Math.max(0, ((pixel + 0.5) * cells) / pixels - 0.5);
    const first = Math.floor(position);
    return [first, Math.min(first + 1, cells - 1), position - first] as const;
  };
  const bitmap = new Uint8Array(plan.widthPx * plan.heightPx);
  for (let y = 0; y < plan.heightPx; y++) {
    const [r0, r1, v] = between(y, plan.heightPx, plan.bottom - plan.top);
    for (let x = 0; x < plan.widthPx; x++) {
      const [c0, c1, u] = between(x, plan.widthPx, plan.right - plan.left);
      const at = (r: number, c: number) => logits[(plan.top + r) * width + plan.left + c]!;
      const upper = at(r0, c0) * (1 - u) + at(r0, c1) * u;
      const lower = at(r1, c0) * (1 - u) + at(r1, c1) * u;
      const isInBox = x >= box[0]! && x < box[2]! && y >= box[1]! && y < box[3]!;
      if (isInBox && upper * (1 - v) + lower * v > 0) bitmap[y * plan.widthPx + x] = 1;
    }
  }
  return Mask.fromBitmap(bitmap, [plan.widthPx, plan.heightPx]);
}
