import assert from "node:assert/strict";
import { test } from "node:test";
import { Mask } from "../masks/mask.ts";
import { Canvas, type Rgb } from "./canvas.ts";
import { colourOf } from "./palette.ts";

const white: Rgb = [255, 255, 255];
const ink = { colour: white };
const canvasOf = (widthPx: number, heightPx: number, extra = 0) =>
  new Canvas({ data: new Uint8Array(3 * widthPx * heightPx), widthPx, heightPx }, extra);

/** Red values as rows of digits 0…9. */
function rowsOf(canvas: Canvas): string[] {
  const { data, widthPx, heightPx } = canvas.toPicture();
  return Array.from({ length: heightPx }, (_, y) =>
    Array.from({ length: widthPx }, (_, x) =>
      Math.round((data[3 * (y * widthPx + x)]! * 9) / 255),
    ).join(""),
  );
}

test("the picture is copied, and may be extended below", () => {
  const picture = { data: new Uint8Array(12).fill(9), widthPx: 2, heightPx: 2 };
  const canvas = new Canvas(picture, 1);
  canvas.fillBox([0, 0, 2, 3], ink);
  assert.deepEqual(new Set(picture.data), new Set([9]));
  assert.deepEqual(rowsOf(canvas), ["99", "99", "99"]);
});

test("boxes are filled where they lie on the canvas", () => {
  for (const [box, rows] of [
    [
      [1, 1, 1, 3],
      ["0000", "0000", "0000"],
    ],
    [
      [1, 1, 3, 2],
      ["0000", "0990", "0000"],
    ],
    [
      [-5, -5, 2, 2],
      ["9900", "9900", "0000"],
    ],
    [
      [3, 2, 99, 99],
      ["0000", "0000", "0009"],
    ],
    [
      [0.6, 0.6, 2.4, 1.4],
      ["0000", "0000", "0000"],
    ],
    [
      [0.6, 0.6, 2.4, 1.6],
      ["0000", "0900", "0000"],
    ],
  ] as const) {
    const canvas = canvasOf(4, 3);
    canvas.fillBox(box, ink);
    assert.deepEqual(rowsOf(canvas), rows, `${box}`);
  }
});

test("round corners let the ground through, the middle does not", () => {
  const canvas = canvasOf(9, 9);
  canvas.fillBox([0, 0, 9, 9], ink, 4);
  const rows = rowsOf(canvas);
  assert.equal(rows[0]![0], "0");
  assert.equal(rows[4], "999999999");
  assert.deepEqual(rows, rows.toReversed());
});

test("frames lie inside their box; boxes too small for one are filled", () => {
  for (const [box, width, rows] of [
    [[0, 0, 5, 4], 1, ["99999", "90009", "90009", "99999"]],
    [[1, 0, 4, 4], 2, ["09990", "09990", "09990", "09990"]],
    [[2, 2, 2, 2], 1, ["00000", "00000", "00900", "00000"]],
    [[-2, -2, 3, 3], 1, ["00900", "00900", "99900", "00000"]],
  ] as const) {
    const canvas = canvasOf(5, 4);
    canvas.frameBox(box, ink, width);
    assert.deepEqual(rowsOf(canvas), rows, `${box}`);
  }
});

test("strokes are smooth, round at their ends, and even where their parts meet", () => {
  const canvas = canvasOf(7, 5);
  canvas.stroke(
    [
      [
        [1.5, 2.5],
        [5.5, 2.5],
      ],
    ],
    { colour: white, alpha: 0.5 },
    1,
  );
  assert.deepEqual(rowsOf(canvas), ["0000000", "0000000", "0555550", "0000000", "0000000"]);

  const joined = canvasOf(7, 5);
  joined.stroke(
    [
      [
        [1.5, 2.5],
        [3.5, 2.5],
        [5.5, 2.5],
      ],
    ],
    { colour: white, alpha: 0.5 },
    1,
  );
  assert.deepEqual(rowsOf(joined), rowsOf(canvas));

  const dot = canvasOf(5, 5);
  dot.stroke([[[2.5, 2.5]]], ink, 3);
  assert.deepEqual(rowsOf(dot), ["00000", "05950", "09990", "05950", "00000"]);

  const off = canvasOf(3, 3);
  off.stroke(
    [
      [],
      [
        [-9, -9],
        [-5, -5],
      ],
      [[50, 1]],
    ],
    ink,
    2,
  );
  assert.deepEqual(rowsOf(off), ["000", "000", "000"]);
});

test("long lines are painted in parts without a gap", () => {
  const canvas = canvasOf(300, 3);
  canvas.stroke([Array.from({ length: 300 }, (_, i) => [i + 0.5, 1.5] as const)], ink, 1);
  assert.equal(rowsOf(canvas)[1], "9".repeat(300));
});

test("masks tint what is below them", () => {
  const canvas = new Canvas({ data: new Uint8Array(18).fill(51), widthPx: 3, heightPx: 2 }, 1);
  canvas.fillMask(Mask.fromRle({ size: [2, 3], counts: [1, 2, 3] }), {
    colour: [255, 0, 51],
    alpha: 0.5,
  });
  const tinted = [153, 26, 51];
  const plain = [51, 51, 51];
  assert.deepEqual(Array.from(canvas.toPicture().data), [
    ...[plain, tinted, plain, tinted, plain, plain].flat(),
    ...new Array(9).fill(0),
  ]);
});

test("seven classes have seven colours, then they repeat", () => {
  const colours = Array.from({ length: 7 }, (_, i) => colourOf(i).join());
  assert.equal(new Set(colours).size, 7);
  assert.deepEqual(colourOf(7), colourOf(0));
  assert.deepEqual(colourOf(-1), colourOf(6));
});
