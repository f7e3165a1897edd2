import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { buildBedSegmenter } from "../../scripts/samples/bed-segmenter.ts";
import { buildSeedlingDetector } from "../../scripts/samples/seedling-detector.ts";
import { readModel } from "../../src/graph/onnx/model-reader.ts";
import { serializeModel } from "../../src/graph/onnx/model-writer.ts";
import { RunnableModel } from "../../src/graph/run-model.fixture.ts";
import { Mask } from "../../src/vision/masks/mask.ts";
import { decodePicture } from "../../src/vision/photo/decode-picture.ts";
import { DrawnGarden, type Point } from "./drawn-garden.fixture.ts";
import { look, type Sight } from "./look.fixture.ts";

const photos = new URL("../../../shared/fixtures/photos/", import.meta.url);
const hasPhotos = existsSync(photos);
const skip = hasPhotos ? false : "shared fixtures not present";

interface Truth {
  readonly plants: number;
  readonly boxes: readonly (readonly number[])[];
  readonly beds: readonly (readonly Point[])[];
}
const truths: Record<string, Truth> = hasPhotos
  ? JSON.parse(readFileSync(new URL("truth.json", photos), "utf8"))
  : { "any photo": { plants: 0, boxes: [], beds: [] } };

const seedlings = buildSeedlingDetector();
const beds = buildBedSegmenter();
const opened = {
  seedlings: await RunnableModel.open(seedlings),
  beds: await RunnableModel.open(beds),
};
after(async () => {
  for (const model of Object.values(opened)) await model[Symbol.asyncDispose]();
});
const shipped = new URL("../../src/models/samples/", import.meta.url);

describe("sample models", () => {
  for (const [name, model] of Object.entries({ seedlings, beds })) {
    test(`${name} is shipped as scripts/build-samples.ts builds it`, () => {
      const built = Buffer.from(serializeModel(model));
      assert.ok(readFileSync(new URL(`${name}.onnx`, shipped)).equals(built));
    });
  }

  for (const [model, task, rows, name] of [
    ["seedlings", "detect", 5, "plant"],
    ["beds", "segment", 37, "bed"],
  ] as const) {
    test(`look like a YOLO11 network that finds a ${name}`, async () => {
      const facts = readModel(serializeModel({ seedlings, beds }[model]));
      assert.equal(facts.metadata.get("task"), task);
      assert.equal(facts.metadata.get("names"), `{0: '${name}'}`);
      assert.match(facts.metadata.get("args")!, /'dynamic': True/);
      assert.deepEqual(
        facts.inputs.map(({ name, dims }) => [name, dims]),
        [["images", [1, 3, "height", "width"]]],
      );
      for (const [height, width] of [
        [32, 32],
        [64, 160],
      ] as const) {
        const images = { data: new Float32Array(3 * height * width), dims: [1, 3, height, width] };
        const { output0, output1 } = await opened[model].run({ images });
        const anchors = (height * width) / 64 + (height * width) / 256 + (height * width) / 1024;
        assert.deepEqual(output0!.dims, [1, rows, anchors]);
        const masks = task === "segment" ? [1, 32, height / 4, width / 4] : undefined;
        assert.deepEqual(output1?.dims, masks);
      }
    });
  }
});

describe("buildSeedlingDetector", () => {
  const plants: readonly (readonly [Point, number])[] = [
    [[150, 120], 16],
    [[200, 124], 10],
    [[256, 118], 24],
    [[330, 140], 13],
    [[152, 200], 30],
    [[252, 210], 18],
    [[300, 212], 9],
    [[370, 230], 36],
  ];

  test("finds each plant once, whatever its size", async () => {
    const garden = new DrawnGarden(512, 384).bed([
      [80, 50],
      [450, 60],
      [440, 340],
      [70, 320],
    ]);
    for (const [centre, radius] of plants) garden.plant(centre, radius);
    for (const stone of [
      [40, 40],
      [180, 280],
      [480, 200],
    ] as const)
      garden.stone(stone, 7);
    const found = await look(opened.seedlings, garden.toPicture(), { imageSize: 512 });
    assertBoxes(
      found,
      plants.map(([[x, y], r]) => [x - r, y - r, x + r, y + r]),
    );
  });

  test("finds none on soil, nor in frames and stones", async () => {
    const garden = new DrawnGarden(512, 384, [80, 100, 75])
      .bed(
        [
          [80, 50],
          [450, 60],
          [440, 340],
          [70, 320],
        ],
        [120, 190, 125],
      )
      .stone([200, 200], 9)
      .stone([40, 300], 5);
    assert.deepEqual(await look(opened.seedlings, garden.toPicture(), { imageSize: 512 }), []);
  });

  for (const [file, truth] of Object.entries(truths)) {
    test(`counts ${truth.plants} plants on ${file}`, { skip }, async () => {
      const found = await look(opened.seedlings, await decodePicture(new URL(file, photos)));
      const error = Math.abs(found.length - truth.plants);
      assert.ok(error <= 0.02 * truth.plants, `${found.length} of ${truth.plants} plants`);
      assertBoxes(found, truth.boxes, 0.95);
    });
  }
});

describe("buildBedSegmenter", () => {
  const left: readonly Point[] = [
    [40, 60],
    [230, 45],
    [242, 330],
    [52, 345],
  ];
  const right: readonly Point[] = [
    [290, 80],
    [470, 80],
    [470, 300],
    [290, 300],
  ];
  const garden = new DrawnGarden(512, 384).bed(left).bed(right, [120, 200, 130]);
  garden.plant([120, 200], 20).plant([180, 150], 14).stone([270, 30], 9).stone([290, 200], 6);

  for (const minimumRectangle of [true, false]) {
    test(`finds each bed once, ${minimumRectangle ? "without" : "with"} padding`, async () => {
      const found = await look(opened.beds, garden.toPicture(), {
        imageSize: 512,
        minimumRectangle,
      });
      assertMasks(found, [left, right], [512, 384]);
    });
  }

  test("finds none on open soil", async () => {
    const open = new DrawnGarden(512, 384).stone([100, 100], 9).plant([300, 200], 12).toPicture();
    assert.deepEqual(await look(opened.beds, open, { imageSize: 512 }), []);
  });

  test("finds none in what is lighter than the ground", async () => {
    const dark = new DrawnGarden(512, 384, [20, 18, 16]).bed(left, [90, 90, 90]).toPicture();
    assert.deepEqual(await look(opened.beds, dark, { imageSize: 512 }), []);
  });

  for (const [file, truth] of Object.entries(truths)) {
    test(`finds ${truth.beds.length} beds on ${file}`, { skip }, async () => {
      const picture = await decodePicture(new URL(file, photos));
      const found = await look(opened.beds, picture);
      assertMasks(found, truth.beds, [picture.widthPx, picture.heightPx]);
    });
  }
});

/** Asserts that this share of the boxes is found with an IoU of 0.5, and of the found ones true. */
function assertBoxes(
  found: readonly Sight[],
  boxes: readonly (readonly number[])[],
  share = 1,
): void {
  const open = new Set(boxes);
  const matched = found.filter(({ boxXyxy }) => {
    const match = [...open].find((box) => boxIou(box, boxXyxy) >= 0.5);
    return match !== undefined && open.delete(match);
  });
  assert.ok(matched.length >= share * boxes.length, `${matched.length} of ${boxes.length} found`);
  assert.ok(matched.length >= share * found.length, `${matched.length} of ${found.length} true`);
}

function boxIou(a: readonly number[], b: readonly number[]): number {
  const [ax1, ay1, ax2, ay2] = a as [number, number, number, number];
  const [bx1, by1, bx2, by2] = b as [number, number, number, number];
  const width = Math.max(0, Math.min(ax2, bx2) - Math.max(ax1, bx1));
  const height = Math.max(0, Math.min(ay2, by2) - Math.max(ay1, by1));
  const both = width * height;
  return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both);
}

/** Asserts that every polygon has one mask, with an IoU of 0.95, and every mask a polygon. */
function assertMasks(
  found: readonly Sight[],
  polygons: readonly (readonly Point[])[],
  wh: readonly [number, number],
): void {
  const ious = polygons.map((polygon) => {
    const truth = Mask.fromPolygon(polygon, wh);
    return Math.max(0, ...found.map(({ mask }) => mask?.iou(truth) ?? 0));
  });
  assert.ok(
    ious.every((iou) => iou >= 0.95),
    `mask IoUs are ${ious.map((iou) => iou.toFixed(3))}`,
  );
  assert.equal(found.length, polygons.length);
}
