import assert from "node:assert/strict";
import { test } from "node:test";
import { Detections } from "../detections.ts";
import { Mask } from "../masks/mask.ts";
import type { Picture } from "../photo/picture.ts";
import { drawDetections } from "./drawing.ts";
import { colourOf } from "./palette.ts";

const ground = 100;
const photoOf = (widthPx: number, heightPx: number): Picture => ({
  data: new Uint8Array(3 * widthPx * heightPx).fill(ground),
  widthPx,
  heightPx,
});

function found(
  boxes: readonly (readonly number[])[],
  {
    names = ["plant"],
    classIds = boxes.map(() => 0),
    masks = undefined as Mask[] | undefined,
  } = {},
): Detections {
  return new Detections({
    boxesXyxy: Float32Array.from(boxes.flat()),
    scores: new Float32Array(boxes.length).fill(0.9),
    classIds: Int32Array.from(classIds),
    names,
    masks,
  });
}

const pixel = ({ data, widthPx }: Picture, x: number, y: number) =>
  Array.from(data.subarray(3 * (y * widthPx + x), 3 * (y * widthPx + x) + 3));

/** How many pixels have exactly a colour, from row `top` to row `bottom`. */
function count(picture: Picture, colour: readonly number[], top = 0, bottom = picture.heightPx) {
  let pixels = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < picture.widthPx; x++) {
      if (pixel(picture, x, y).every((value, i) => value === colour[i])) pixels++;
    }
  }
  return pixels;
}

test("without anything found the photo stays as it is, above a strip that counts 0", () => {
  const photo = photoOf(400, 300);
  const drawn = drawDetections(photo, Detections.empty(["plant"]));
  assert.equal(drawn.widthPx, 400);
  assert.ok(drawn.heightPx > 300);
  assert.deepEqual(drawn.data.subarray(0, photo.data.length), photo.data);
  assert.ok(count(drawn, colourOf(0), 300) > 20);
  assert.deepEqual(drawDetections(photo, [], { counts: false }), photo);
});

test("the photo itself is not drawn on", () => {
  const photo = photoOf(200, 150);
  drawDetections(photo, found([[20, 20, 120, 120]]));
  assert.deepEqual(photo, photoOf(200, 150));
});

test("objects are framed in the colour of their class", () => {
  const photo = photoOf(400, 300);
  const drawn = drawDetections(photo, found([[50, 100, 350, 250]]), { labels: false });
  for (const [x, y] of [
    [50, 100],
    [349, 249],
    [50, 175],
    [200, 100],
  ] as const) {
    assert.deepEqual(pixel(drawn, x, y), [...colourOf(0)], `${x}, ${y}`);
  }
  assert.deepEqual(pixel(drawn, 200, 175), [ground, ground, ground]);
});

test("labels are drawn where there is room, and none covers another", () => {
  const photo = photoOf(800, 600);
  const labelled = (boxes: number[][]) => {
    const countWith = (labels: boolean) =>
      count(drawDetections(photo, found(boxes), { labels, counts: false }), colourOf(0));
    return countWith(true) - countWith(false);
  };
  const one = labelled([[100, 100, 400, 400]]);
  assert.ok(one > 200);
  assert.equal(labelled([[100, 100, 130, 130]]), 0);
  assert.equal(
    labelled([
      [100, 100, 400, 400],
      [100, 100, 400, 400],
    ]),
    one,
  );
  assert.ok(
    labelled([
      [100, 100, 400, 400],
      [450, 100, 750, 400],
    ]) >
      1.8 * one,
  );
  // At the upper edge the label moves into the box.
  assert.ok(labelled([[100, 0, 400, 300]]) > 0.5 * one);
});

test("very small objects become dots", () => {
  const drawn = drawDetections(photoOf(1600, 1200), found([[800, 600, 806, 606]]), {
    counts: false,
  });
  assert.deepEqual(pixel(drawn, 803, 603), [...colourOf(0)]);
});

test("masks are tinted and outlined; the last layer has the first colours, others follow", () => {
  const mask = Mask.fromPolygon(
    [
      [100, 100],
      [299, 100],
      [299, 199],
      [100, 199],
    ],
    [400, 300],
  );
  const beds = found([[100, 100, 300, 200]], { names: ["bed"], masks: [mask] });
  const drawn = drawDetections(photoOf(400, 300), [beds, found([[150, 120, 250, 180]])], {
    labels: false,
  });
  assert.deepEqual(pixel(drawn, 200, 100), [...colourOf(1)]);
  assert.deepEqual(pixel(drawn, 150, 150), [...colourOf(0)]);
  const inside = pixel(drawn, 200, 150);
  assert.ok(inside[2]! > ground && inside[2]! < colourOf(1)[2], `${inside}`);
  assert.ok(count(drawn, colourOf(0), 300) > 20 && count(drawn, colourOf(1), 300) > 20);
});

test("an option that there is not is refused", () => {
  const options = { label: false } as object;
  assert.throws(() => drawDetections(photoOf(40, 30), found([]), options), /`label`/);
});

test("a mask of another size than the photo is refused", () => {
  const masks = [Mask.fromRle({ size: [10, 10], counts: [0, 100] })];
  assert.throws(() => drawDetections(photoOf(400, 300), found([[0, 0, 9, 9]], { masks })), {
    code: "INVALID_ARGUMENT",
    message: /400×300.*10×10/,
  });
});

test("of many classes the strip shows those that occur, in rows as wide as the photo", () => {
  const names = Array.from({ length: 30 }, (_, i) => `a rather long name ${i}`);
  const boxes = names.map((_, i) => [10 * i, 10, 10 * i + 9, 60]);
  const photo = photoOf(400, 300);
  const few = drawDetections(photo, found(boxes.slice(0, 1), { names, classIds: [3] }));
  const many = drawDetections(photo, found(boxes, { names, classIds: [...names.keys()] }));
  assert.ok(many.heightPx - 300 > 8 * (few.heightPx - 300));
  assert.equal(count(few, colourOf(4), 300), 0);
});

test("the strip shows no classes whose names are not known", () => {
  const names: string[] = [];
  names[2] = "path";
  const drawn = drawDetections(photoOf(400, 300), found([[0, 0, 9, 9]], { names, classIds: [2] }));
  assert.ok(count(drawn, colourOf(2), 300) > 20);
  assert.equal(count(drawn, colourOf(0), 300) + count(drawn, colourOf(1), 300), 0);
});

test("a name that cannot be drawn becomes a number, a title without room is left out", () => {
  const photo = photoOf(400, 300);
  const strip = (name: string, title = "") =>
    drawDetections(
      photo,
      found([[0, 0, 9, 9]], { names: ["a", "b", "c", "d", name], classIds: [4] }),
      {
        labels: false,
        title,
      },
    ).data.subarray(photo.data.length);
  assert.deepEqual(strip("植物"), strip("class 4"));
  assert.notDeepEqual(strip("x"), strip("class 4"));
  assert.notDeepEqual(strip("x", "tray.jpg"), strip("x"));
  assert.deepEqual(strip("x", "tray".repeat(30)), strip("x"));
});

test("raw input that is no picture is refused", () => {
  assert.throws(() => drawDetections({ ...photoOf(4, 4), widthPx: 5 }, []), {
    code: "INVALID_ARGUMENT",
  });
});

test("labels say what the caller wants, object by object and layer by layer", () => {
  const photo = photoOf(800, 600);
  const beds = found([[20, 60, 380, 300]], { names: ["bed"] });
  const plants = found([
    [420, 60, 780, 300],
    [420, 360, 780, 580],
  ]);
  const asked: unknown[] = [];
  const labelOf = (object: { readonly name: string }, place: object) => {
    asked.push([object.name, place]);
    return "x";
  };
  const short = drawDetections(photo, [beds, plants], { labelOf });
  assert.deepEqual(asked, [
    ["bed", { layer: 0, index: 0 }],
    ["plant", { layer: 1, index: 0 }],
    ["plant", { layer: 1, index: 1 }],
  ]);
  const long = drawDetections(photo, [beds, plants]);
  const plates = (picture: Picture) => count(picture, colourOf(1), 0, 60);
  assert.ok(plates(short) > 0 && plates(short) < plates(long), "a shorter text, a shorter plate");
});
