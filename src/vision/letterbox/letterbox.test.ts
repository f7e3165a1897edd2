import assert from "node:assert/strict";
import { test } from "node:test";
import type { Picture } from "../photo/picture.ts";
import { letterbox } from "./letterbox.ts";
import { type Letterbox, planLetterbox } from "./plan-letterbox.ts";

/** A picture of noise, the same on every run. */
function noise(widthPx: number, heightPx: number, seed = 1): Picture {
  let state = seed;
  const data = Uint8Array.from({ length: 3 * widthPx * heightPx }, () => {
    state = (state * 48271) % 2147483647;
    return state & 255;
  });
  return { data, widthPx, heightPx };
}

function run(picture: Picture, plan: Letterbox): Float32Array {
  const out = new Float32Array(3 * plan.inputWidth * plan.inputHeight).fill(NaN);
  letterbox(picture, plan, out);
  return out;
}

const bytesOf = (values: Float32Array) => Array.from(values, (value) => Math.round(value * 255));

test("plans agree with Ultralytics' rounding", () => {
  // photo, input, minimum rectangle → input, resized, left and top padding
  for (const [photoWh, inputWh, minimumRectangle, expected] of [
    [[640, 640], [640, 640], false, [640, 640, 640, 640, 0, 0]],
    [[1600, 1200], [640, 640], false, [640, 640, 640, 480, 0, 80]],
    [[1600, 1200], [640, 640], true, [640, 480, 640, 480, 0, 0]],
    [[1200, 1600], [640, 640], true, [480, 640, 480, 640, 0, 0]],
    [[640, 427], [640, 640], false, [640, 640, 640, 427, 0, 106]],
    [[427, 640], [640, 640], false, [640, 640, 427, 640, 106, 0]],
    [[640, 427], [640, 640], true, [640, 448, 640, 427, 0, 10]],
    // 320.5 rounds to the even 320.
    [[1281, 641], [640, 640], false, [640, 640, 640, 320, 0, 160]],
    [[100, 50], [640, 640], false, [640, 640, 640, 320, 0, 160]],
    [[3000, 2000], [320, 320], true, [320, 224, 320, 213, 0, 5]],
    [[20_000, 5], [640, 640], false, [640, 640, 640, 1, 0, 319]],
    [[30, 20], [64, 32], false, [64, 32, 48, 32, 8, 0]],
  ] as const) {
    const plan = planLetterbox({ photoWh, inputWh, minimumRectangle });
    const { inputWidth, inputHeight, resizedWidth, resizedHeight, padLeft, padTop } = plan;
    assert.deepEqual(
      [inputWidth, inputHeight, resizedWidth, resizedHeight, padLeft, padTop],
      expected,
      `${photoWh} in ${inputWh}`,
    );
    assert.equal(plan.gain, Math.min(inputHeight / photoWh[1], inputWidth / photoWh[0]));
  }
  const small = { photoWh: [1000, 333], inputWh: [640, 640], minimumRectangle: true } as const;
  assert.equal(planLetterbox({ ...small, stride: 64 }).inputHeight, 256);
});

test("sizes that are not whole numbers from 1 up are refused", () => {
  for (const [photoWh, inputWh] of [
    [
      [0, 5],
      [640, 640],
    ],
    [
      [5, 5.5],
      [640, 640],
    ],
    [
      [5, 5],
      [Number.NaN, 640],
    ],
  ] as const) {
    assert.throws(() => planLetterbox({ photoWh, inputWh }), { code: "INVALID_ARGUMENT" });
  }
});

test("a picture of the input's size is only scaled to 0…1, plane by plane", () => {
  const picture = noise(7, 5);
  const out = run(picture, planLetterbox({ photoWh: [7, 5], inputWh: [7, 5] }));
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < 35; i++) {
      assert.equal(out[35 * channel + i], Math.fround(picture.data[3 * i + channel]! / 255));
    }
  }
});

test("half the size is the rounded mean of each four pixels", () => {
  const picture = noise(64, 48);
  const out = bytesOf(run(picture, planLetterbox({ photoWh: [64, 48], inputWh: [32, 24] })));
  const at = (x: number, y: number, c: number) => picture.data[3 * (64 * y + x) + c]!;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < 24; y++) {
      for (let x = 0; x < 32; x++) {
        const sum =
          at(2 * x, 2 * y, c) +
          at(2 * x + 1, 2 * y, c) +
          at(2 * x, 2 * y + 1, c) +
          at(2 * x + 1, 2 * y + 1, c);
        assert.equal(out[c * 32 * 24 + y * 32 + x], (sum + 2) >> 2);
      }
    }
  }
});

test("the fixed-point steps, worked out by hand: 0, 255 enlarged to four columns", () => {
  const picture = { data: Uint8Array.of(0, 0, 0, 255, 255, 255), widthPx: 2, heightPx: 1 };
  const out = bytesOf(run(picture, planLetterbox({ photoWh: [2, 1], inputWh: [4, 2] })));
  // A float interpolation would give 63.75 and 191.25.
  assert.deepEqual(out.slice(0, 8), [0, 64, 191, 255, 0, 64, 191, 255]);
});

test("the padding is 114/255, its odd row below", () => {
  const plan = planLetterbox({ photoWh: [64, 43], inputWh: [64, 64] });
  const out = bytesOf(run(noise(64, 43), plan));
  const rowIsGrey = (y: number) => out.slice(64 * y, 64 * y + 64).every((value) => value === 114);
  const rows = Array.from({ length: 64 }, (_, y) => rowIsGrey(y));
  assert.deepEqual([rows.indexOf(false), rows.lastIndexOf(false)], [10, 52]);
  assert.equal(Math.fround(114 / 255), run(noise(64, 43), plan)[0]);
});

test("every value is that of the reference's description, up, down and odd", () => {
  for (const [w, h, inputW, inputH, minimumRectangle] of [
    [1, 1, 8, 8, false],
    [3, 2, 32, 32, false],
    [33, 57, 64, 64, false],
    [427, 640, 320, 320, false],
    [641, 1281, 640, 640, false],
    [500, 375, 320, 320, true],
    [97, 389, 64, 128, true],
    [200, 3, 64, 64, false],
    [120, 90, 480, 480, true],
  ] as const) {
    const picture = noise(w, h, w * h);
    const plan = planLetterbox({ photoWh: [w, h], inputWh: [inputW, inputH], minimumRectangle });
    assert.deepEqual(run(picture, plan), slowLetterbox(picture, plan), `${w}×${h}`);
  }
});

test("picture, plan and output must fit each other", () => {
  const plan = planLetterbox({ photoWh: [8, 8], inputWh: [8, 8] });
  for (const [picture, length] of [
    [noise(8, 7), 192],
    [noise(8, 8), 191],
    [{ ...noise(8, 8), data: new Uint8Array(191) }, 192],
  ] as const) {
    assert.throws(() => letterbox(picture, plan, new Float32Array(length)), {
      code: "INVALID_ARGUMENT",
    });
  }
});

/** The description of `cv2.resize` in the reference, value by value, without any shortcut. */
function slowLetterbox(picture: Picture, plan: Letterbox): Float32Array {
  const { inputWidth, inputHeight, resizedWidth, resizedHeight, padLeft, padTop } = plan;
  const { widthPx: w, heightPx: h, data } = picture;
  const rint = (v: number) => {
    const near = Math.round(v);
    return Math.abs(v % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
  };
  const clampTo = (v: number, max: number) => Math.max(0, Math.min(max, v));
  const out = new Float32Array(3 * inputWidth * inputHeight).fill(114 / 255);
  for (let y = 0; y < resizedHeight; y++) {
    const fy = Math.fround((y + 0.5) * (h / resizedHeight) - 0.5);
    const iy = Math.floor(fy);
    const v = Math.fround(fy - iy);
    const [b0, b1] = [rint((1 - v) * 2048), rint(v * 2048)];
    for (let x = 0; x < resizedWidth; x++) {
      const fx = Math.fround((x + 0.5) * (w / resizedWidth) - 0.5);
      let ix = Math.floor(fx);
      let u = Math.fround(fx - ix);
      if (ix < 0) [ix, u] = [0, 0];
      if (ix >= w - 1) [ix, u] = [w - 1, 0];
      const [a0, a1] = [rint((1 - u) * 2048), rint(u * 2048)];
      for (let c = 0; c < 3; c++) {
        const horizontal = (row: number) => {
          const at = 3 * (clampTo(row, h - 1) * w);
          return data[at + 3 * ix + c]! * a0 + data[at + 3 * Math.min(ix + 1, w - 1) + c]! * a1;
        };
        const upper = Math.floor((b0 * Math.floor(horizontal(iy) / 16)) / 65536);
        const lower = Math.floor((b1 * Math.floor(horizontal(iy + 1) / 16)) / 65536);
        const byte = Math.floor((upper + lower + 2) / 4);
        const plane = c * inputWidth * inputHeight;
        out[plane + (padTop + y) * inputWidth + padLeft + x] = byte / 255;
      }
    }
  }
  return out;
}

test("writes OpenCV's grey into an input of one plane", () => {
  const plan = planLetterbox({ photoWh: [4, 1], inputWh: [4, 2] });
  const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 200, 30);
  const out = new Float32Array(4 * 2);
  letterbox({ data, widthPx: 4, heightPx: 1 }, plan, out);
  assert.deepEqual(bytesOf(out), [76, 150, 29, 124, 114, 114, 114, 114]);
});

test("resizes grey as it resizes each channel of a grey picture", () => {
  const colour = noise(50, 40);
  const { data, ...size } = colour;
  const greys = data.map((_, i, all) => {
    const at = 3 * Math.floor(i / 3);
    return (9798 * all[at]! + 19235 * all[at + 1]! + 3735 * all[at + 2]! + 16384) >> 15;
  });
  const plan = planLetterbox({ photoWh: [50, 40], inputWh: [32, 32] });
  const expected = run({ data: greys, ...size }, plan).subarray(0, 32 * 32);
  const plane = greys.filter((_, i) => i % 3 === 0);
  for (const picture of [
    colour,
    { ...size, data: data.map((value) => 255 - value), grey: plane },
  ]) {
    const grey = new Float32Array(32 * 32);
    letterbox(picture, plan, grey);
    assert.deepEqual(grey, expected);
  }
});
