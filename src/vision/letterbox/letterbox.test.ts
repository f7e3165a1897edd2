import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cutPicture } from "../photo/cut-picture.ts";
import type { Picture } from "../photo/picture.ts";
import { PictureSlice } from "../photo/picture-slice.ts";
import { assemble, resizeWasm } from "./assemble.fixture.ts";
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

/** Hashes of the planes that OpenCV 5.0 makes of this noise: `cv2.resize(…, INTER_LINEAR)`. */
const resizedByOpenCv = [
  [64, 48, 64, 48, "49875c9f930eb658"],
  [127, 63, 40, 20, "2407e5de4fd8ca3c"],
  [333, 250, 320, 240, "5cb3afa2cafa080a"],
  [250, 333, 481, 640, "365358a3fff8d4a4"],
  [31, 400, 5, 64, "473a31e293feb76a"],
  [1, 7, 9, 63, "3478f5cf0deb5c6e"],
  [900, 2, 640, 1, "332bbca51725be50"],
  [511, 389, 17, 13, "6fa8f1e4e64813d2"],
  [200, 150, 32, 24, "b77727e725b92b55"],
  [99, 98, 100, 99, "d1c49fc378dfab0e"],
] as const;

test("bytes are OpenCV's, bit for bit", () => {
  for (const [photoWidth, photoHeight, width, height, expected] of resizedByOpenCv) {
    const plan: Letterbox = {
      inputWidth: width,
      inputHeight: height,
      resizedWidth: width,
      resizedHeight: height,
      padLeft: 0,
      padTop: 0,
      gain: 1,
      photoWidth,
      photoHeight,
    };
    const out = new Uint8Array(3 * width * height);
    letterbox(noise(photoWidth, photoHeight, photoWidth * photoHeight), plan, out);
    assert.equal(hash("sha256", out).slice(0, 16), expected, `${photoWidth}×${photoHeight}`);
  }
});

test("bytes, float16 and float32 are of the same levels", () => {
  for (const photoWh of [
    [50, 37],
    [37, 50],
    [32, 32],
  ] as const) {
    const plan = planLetterbox({ photoWh, inputWh: [96, 64] });
    const picture = noise(photoWh[0], photoWh[1]);
    const floats = run(picture, plan);
    const bytes = new Uint8Array(floats.length);
    const halves = new Float16Array(floats.length);
    letterbox(picture, plan, bytes);
    letterbox(picture, plan, halves);
    assert.deepEqual([...bytes], bytesOf(floats));
    assert.deepEqual(halves, Float16Array.from(floats));
  }
});

test("pixel by pixel, bytes are those of the planes", () => {
  for (const [photoWh, inputWh] of [
    [
      [50, 37],
      [96, 64],
    ],
    [
      [37, 50],
      [96, 64],
    ],
    [
      [32, 32],
      [32, 32],
    ],
    [
      [64, 20],
      [64, 32],
    ],
    [
      [21, 64],
      [64, 64],
    ],
    [
      [300, 200],
      [64, 96],
    ],
  ] as const) {
    const plan = planLetterbox({ photoWh, inputWh });
    const picture = noise(photoWh[0], photoWh[1]);
    const [planes, pixels] = [0, 1].map(() => new Uint8Array(3 * inputWh[0] * inputWh[1])) as [
      Uint8Array,
      Uint8Array,
    ];
    letterbox(picture, plan, planes);
    letterbox(picture, plan, pixels, "pixels");
    const count = inputWh[0] * inputWh[1];
    const expected = planes.map((_, i) => planes[(i % 3) * count + Math.floor(i / 3)]!);
    assert.deepEqual(pixels, expected, `${photoWh.join("×")} in ${inputWh.join("×")}`);
  }
});

test("a slice is read where it is in the photo", () => {
  const { data, widthPx, heightPx } = noise(90, 70);
  const photo = { data, widthPx, heightPx, grey: data.filter((_, i) => i % 3 === 1) };
  for (const [left, top, width, height] of [
    [0, 0, 90, 70],
    [13, 7, 64, 48],
    [89, 69, 1, 1],
    [50, 38, 40, 32],
  ] as const) {
    const slice = { left, top, width, height };
    const plan = planLetterbox({ photoWh: [width, height], inputWh: [64, 64] });
    for (const planes of [1, 3]) {
      const [read, cut] = [0, 1].map(() => new Uint8Array(planes * 64 * 64)) as [
        Uint8Array,
        Uint8Array,
      ];
      letterbox(new PictureSlice(photo, slice), plan, read);
      letterbox(cutPicture(photo, slice), plan, cut);
      assert.deepEqual(read, cut, `${planes} planes of ${width}×${height}`);
    }
  }
  assert.throws(() => new PictureSlice(photo, { left: 80, top: 0, width: 11, height: 1 }), {
    code: "INVALID_ARGUMENT",
  });
});

test("the WebAssembly is made of its source (`npm run build:wasm`)", async () => {
  assert.deepEqual(new Uint8Array(readFileSync(resizeWasm)), new Uint8Array(await assemble()));
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
