import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { writeYoloCheckpoint } from "../../checkpoint/yolo/network-writer.fixture.ts";
import { parameterCount, type YoloNetwork } from "../../graph/yolo/modules.ts";
import { randomYolo } from "../../graph/yolo/random-yolo.fixture.ts";
import { exportModel } from "../files/export-model.ts";
import { describeModel } from "./model-description.ts";
import { ModelFolder } from "./tiny-yolo.fixture.ts";

let folder: ModelFolder;
before(async () => {
  folder = await ModelFolder.create();
});
after(() => folder[Symbol.asyncDispose]());

describe("the parameters of a checkpoint and of its exports are the same", () => {
  for (const family of ["v8", "11", "12", "26"] as const) {
    for (const [task, exported] of [
      ["detect", { imageSize: "dynamic" }],
      ["segment", { half: true }],
    ] as const) {
      test(`for a YOLO${family}, ${task}`, async () => {
        const options = { scale: "n", narrow: true, classCount: 80, seed: 0 } as const;
        const network = withScales(randomYolo({ ...options, family, task }));
        const checkpoint = await folder.write("a.pt", writeYoloCheckpoint({ network }));
        const expected = parameterCount(network);
        assert.equal((await describeModel(checkpoint)).parameters, expected);
        await exportModel(checkpoint, folder.file("a.onnx"), exported);
        assert.equal((await describeModel(folder.file("a.onnx"))).parameters, expected);
      });
    }
  }
});

/** The same with the channel scales that the larger YOLO12 have. */
function withScales({ layers, head }: YoloNetwork): YoloNetwork {
  const gamma = { dims: [64], values: new Float32Array(64).fill(0.3) };
  return {
    head,
    layers: layers.map((layer, i) =>
      i === 6 && layer.module.kind === "a2c2f"
        ? { ...layer, module: { ...layer.module, gamma } }
        : layer,
    ),
  };
}
