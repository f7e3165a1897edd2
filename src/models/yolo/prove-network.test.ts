/** Networks of many families, as they are loaded and run: rightly, or not at all. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { ownTurns } from "../../native/turns/own-turns.fixture.ts";
import { loadModel } from "../cache/load-model.ts";
import { cpu } from "../devices/device.ts";
import { identifyModelFile } from "../files/model-file.ts";
import { familyNetwork, rowsNetwork } from "./family-networks.fixture.ts";
import { blackPhoto, ModelFolder } from "./tiny-yolo.fixture.ts";

let folder: ModelFolder;
before(async () => {
  folder = await ModelFolder.create();
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});
afterEach(() => assert.deepEqual(liveNativeObjects(), {}, "every native object is released"));

async function load(contents: Uint8Array) {
  const file = await identifyModelFile(await folder.write("model.onnx", contents));
  return await loadModel(file, cpu, { runtime: onnxRuntime, turns: ownTurns() });
}

const box = [32, 32, 16, 16];
const mask32 = [1, ...Array<number>(31).fill(0)];
/** What an exporter may write that knows no head but its own. */
const lying = { task: "detect", names: "{0: 'plant'}", end2end: "False", args: "{'nms': False}" };
const two = { task: "detect", names: "{0: 'bed', 1: 'plant'}", stride: "32" };

/** Each finds one object: in the middle of a photo of 64 × 64, with 16 px to a side. */
const run: [what: string, network: Uint8Array, score: number, name: string][] = [
  [
    "YOLOv5 of one class, whose metadata are those of another",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 1],
      found: [...box, 0.75, 1],
      metadata: lying,
    }),
    0.75,
    "plant",
  ],
  [
    "YOLOv5 of two classes: objectness and class multiply",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 1, 1],
      found: [...box, 0.75, 0.125, 0.5],
      metadata: two,
    }),
    0.375,
    "plant",
  ],
  [
    "YOLOv5 of two classes without metadata, of float16 and free size",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 1, 1],
      found: [...box, 0.75, 0.125, 0.5],
      freeSize: true,
      elementType: "float16",
    }),
    0.375,
    "class1",
  ],
  [
    "YOLOv8 of free size that sees something everywhere, as untrained ones do",
    familyNetwork({
      layout: "channels",
      values: [...box, 0, 0.5],
      found: [...box, 0, 0.75],
      freeSize: true,
      freeChannels: true,
      metadata: two,
    }),
    0.75,
    "plant",
  ],
  [
    "YOLOv5 of one class and free size, whose metadata are those of another",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 1],
      found: [...box, 0.75, 1],
      freeSize: true,
      metadata: lying,
    }),
    0.75,
    "plant",
  ],
  [
    "YOLOv5 for segmentation",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 1, 1, ...mask32],
      found: [...box, 0.75, 1, 0, ...mask32],
      coefficientCount: 32,
      metadata: { names: two.names },
    }),
    0.75,
    "bed",
  ],
  [
    "YOLOv7 of one class, whose own score says nothing",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [...box, 0.01, 0.5],
      found: [...box, 0.75, 0.5],
    }),
    0.75,
    "class0",
  ],
  [
    "YOLOv6, whose objectness is 1",
    familyNetwork({
      layout: "rows",
      values: [...box, 1, 0.01],
      found: [...box, 1, 0.75],
    }),
    0.75,
    "class0",
  ],
  [
    "YOLOv8 without metadata",
    familyNetwork({ layout: "channels", values: [...box, 0, 0], found: [...box, 0.125, 0.75] }),
    0.75,
    "class1",
  ],
  [
    "YOLOv8 without metadata, of free size and with a map of stride 64",
    familyNetwork({
      layout: "channels",
      values: [...box, 0, 0],
      found: [...box, 0.125, 0.75],
      strides: [8, 16, 32, 64],
      freeSize: true,
    }),
    0.75,
    "class1",
  ],
  [
    "YOLOv10, whose metadata say nothing of its head",
    rowsNetwork({
      rows: [[24, 24, 40, 40, 0.75, 1], ...Array(299).fill([30, 30, 31, 31, 0.001, 0])],
      metadata: two,
    }),
    0.75,
    "plant",
  ],
  [
    "YOLOv10 of free size, whose metadata say nothing of its head",
    familyNetwork({
      layout: "rows",
      values: [30, 30, 31, 31, 0.001, 0],
      found: [24, 24, 40, 40, 0.75, 1],
      bestRows: 1,
      freeSize: true,
      metadata: two,
    }),
    0.75,
    "plant",
  ],
  [
    "an export with NMS and masks, without metadata",
    rowsNetwork({
      rows: [
        [24, 24, 40, 40, 0.75, 1, ...mask32],
        ...Array(299).fill([0, 0, 0, 0, 0, 0, ...Array(32).fill(0)]),
      ],
      coefficientCount: 32,
    }),
    0.75,
    "class1",
  ],
];

const refused: [what: string, network: Uint8Array, message: RegExp][] = [
  [
    "YOLOX",
    familyNetwork({
      layout: "rows",
      values: [0.5, 0.5, 1, 1, 0.01, 0.5],
      found: [0.5, 0.5, 1, 1, 0.75, 0.5],
    }),
    /a row with an objectness for each cell of the maps, as YOLOX has it/,
  ],
  [
    "RT-DETR of two classes",
    rowsNetwork({ rows: Array(300).fill([0.5, 0.5, 0.25, 0.25, 0.25, 0.75]), metadata: two }),
    /a row of class 0\.75/,
  ],
  [
    "rows of boxes in shares of the picture",
    rowsNetwork({ rows: Array(300).fill([0.5, 0.5, 0.75, 0.75, 0.25, 1]), metadata: two }),
    /boxes in shares of the picture, up to 0\.75/,
  ],
  [
    "a raw head of boxes in shares of the picture",
    familyNetwork({
      layout: "channels",
      values: [0.5, 0.5, 0.25, 0.25, 0],
      found: [0.5, 0.5, 0.25, 0.25, 0.75],
    }),
    /boxes in shares of the picture, up to 0\.5/,
  ],
  [
    "a network for poses without metadata",
    familyNetwork({
      layout: "channels",
      values: [...box, 0, 32, 32, 0.5],
      found: [...box, 0.75, 32, 32, 0.5],
    }),
    /a score of 32/,
  ],
  [
    "a network for oriented boxes without metadata",
    familyNetwork({
      layout: "channels",
      values: [...box, 0, 0.785],
      found: [...box, 0.75, 0.785],
    }),
    /84 detections from 84 anchors on a picture that is all grey/,
  ],
  [
    "YOLOv5 whose boxes are offsets in their cells",
    familyNetwork({
      layout: "rows",
      anchorsPerCell: 3,
      values: [0.5, 0.5, -0.25, 0.5, 0.01, 0.5],
      found: [0.5, 0.5, -0.25, 0.5, 0.01, 0.5],
    }),
    /252 of 252 boxes inside out/,
  ],
];

describe("a network", () => {
  for (const [what, network, score, name] of run) {
    test(`is run rightly: ${what}`, async () => {
      const { model } = await load(network);
      await using stack = new AsyncDisposableStack();
      stack.use(model);
      const shared = await load(network);
      stack.use(shared.model);
      assert.equal(shared.loaded, false);
      for (const one of [model, shared.model]) {
        const { detections } = await one.predict(blackPhoto, { imageSize: 64 });
        assert.deepEqual(
          [...detections].map((found) => [found.name, found.score, found.boxXyxy]),
          [[name, score, [24, 24, 40, 40]]],
        );
        if (model.task === "segment") assert.equal(detections.masks![0]!.areaPx, 256);
      }
    });
  }

  test("that chooses 300 of its anchors is proved on an input that has as many", async () => {
    const network = familyNetwork({
      layout: "rows",
      values: [30, 30, 31, 31, 0.001, 0],
      found: [24, 24, 40, 40, 0.75, 1],
      bestRows: 300,
      freeSize: true,
    });
    const { model } = await load(network);
    await using _ = model;
    const { detections } = await model.predict(blackPhoto, { imageSize: 128 });
    // All cells of the last map, since nothing is suppressed.
    assert.equal(detections.length, 16);
  });

  for (const [what, network, message] of refused) {
    test(`is refused: ${what}`, async () => {
      await assert.rejects(load(network), { code: "MODEL_NOT_YOLO", message });
    });
  }
});
