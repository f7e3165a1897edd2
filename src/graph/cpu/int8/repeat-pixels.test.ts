import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Attributes, toOnnxAttributes } from "../../attributes.ts";
import { bareModel } from "../../bare-model.fixture.ts";
import type { OnnxModel } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { runModel } from "../../run-model.fixture.ts";
import { repeatPixels } from "./repeat-pixels.ts";

const doubling = {
  mode: "nearest",
  nearest_mode: "floor",
  coordinate_transformation_mode: "asymmetric",
};

function makeModel(attributes: Attributes = doubling, scales = [1, 2, 2, 1]): OnnxModel {
  const value = (name: string) => ({
    name,
    elementType: "uint8" as const,
    dims: ["batch", "height", "width", "channels"].map((dim) => `${name} ${dim}`),
  });
  return bareModel({
    nodes: [
      {
        name: "resize",
        opType: "Resize",
        inputs: ["x", "", "scales"],
        outputs: ["y"],
        attributes: toOnnxAttributes("Resize", attributes),
      },
    ],
    initializers: [createWeights("scales", [4], Float32Array.from(scales))],
    inputs: [value("x")],
    outputs: [value("y")],
  });
}

describe("a Resize that doubles a picture", () => {
  for (const dims of [
    [1, 4, 6, 8],
    [2, 3, 5, 3],
    [3, 1, 1, 1],
  ]) {
    test(`of ${dims.join(" × ")} gives the same without it`, async () => {
      const model = makeModel();
      const changed = repeatPixels(model);
      assert.ok(!changed.graph.nodes.some(({ opType }) => opType === "Resize"));
      const length = dims.reduce((a, b) => a * b);
      const x = { data: Uint8Array.from({ length }, (_, i) => (i * 97) % 256), dims };
      const [expected, found] = [await runModel(model, { x }), await runModel(changed, { x })];
      assert.deepEqual(found, expected);
      assert.equal(found.y!.data.length, 4 * length);
    });
  }

  const others: Readonly<Record<string, OnnxModel>> = {
    "by other factors": makeModel(doubling, [1, 3, 3, 1]),
    "of channels first": makeModel(doubling, [1, 1, 2, 2]),
    "between pixels": makeModel({ ...doubling, mode: "linear" }),
    "to other pixels": makeModel({ ...doubling, nearest_mode: "ceil" }),
    "about its middle": makeModel({ ...doubling, coordinate_transformation_mode: "half_pixel" }),
  };
  for (const [name, model] of Object.entries(others)) {
    test(`${name} stays`, () => assert.deepEqual(repeatPixels(model), model));
  }
});
