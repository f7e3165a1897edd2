import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kernelLibrary } from "../../../native/kernels/kernel-library.ts";
import { toOnnxAttributes } from "../../attributes.ts";
import { bareModel } from "../../bare-model.fixture.ts";
import { inputKey } from "../../byte-input.ts";
import type { OnnxModel } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { runModel } from "../../run-model.fixture.ts";
import { runOurs } from "../../run-ours.fixture.ts";
import { padColours } from "./pad-colours.ts";

const skip = kernelLibrary() === undefined && "there are no kernels for this machine";

interface FirstConvolution {
  readonly channels?: number;
  readonly group?: number;
  readonly weightZero?: number;
  readonly largest?: number;
  readonly layout?: string;
}

function makeModel({
  channels = 3,
  group = 1,
  weightZero = 0,
  largest = 64,
  layout = "pixels",
}: FirstConvolution = {}): OnnxModel {
  const weights = Int8Array.from({ length: 6 * (channels / group) * 9 }, (_, i) =>
    i === 0 ? -largest : ((i * 29) % 127) - 63,
  );
  const value = (name: string, dims: readonly (number | string)[]) => ({
    name,
    elementType: "uint8" as const,
    dims,
  });
  const model = bareModel({
    nodes: [
      {
        name: "conv",
        opType: "QLinearConv",
        domain: "com.microsoft",
        inputs: ["x", "s", "z", "w", "ws", "wz", "s", "z", "b"],
        outputs: ["y"],
        attributes: toOnnxAttributes("QLinearConv", {
          channels_last: 1,
          group,
          kernel_shape: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
        }),
      },
    ],
    initializers: [
      createWeights("s", [], Float32Array.of(0.03)),
      createWeights("z", [], Uint8Array.of(9)),
      createWeights("w", [6, channels / group, 3, 3], weights),
      createWeights(
        "ws",
        [6],
        Float32Array.from({ length: 6 }, (_, i) => 0.001 * (i + 1)),
      ),
      createWeights("wz", [6], new Int8Array(6).fill(weightZero)),
      createWeights(
        "b",
        [6],
        Int32Array.from({ length: 6 }, (_, i) => 1000 * i - 2500),
      ),
    ],
    inputs: [value("x", ["batch", "height", "width", channels])],
    outputs: [value("y", ["y0", "y1", "y2", 6])],
  });
  return { ...model, metadata: new Map([[inputKey, layout]]) };
}

describe("the first convolution of an int8 network", () => {
  test("gives the same with a fourth channel", { skip }, async () => {
    const model = makeModel();
    const changed = padColours(model);
    assert.deepEqual(
      changed.graph.nodes.map(({ opType }) => opType),
      ["WidenPixels", "QLinearConv"],
    );
    assert.ok(!changed.graph.initializers.some(({ name }) => name === "w"));
    // The last has more pixels than one thread takes at a time.
    for (const [batch, height, width] of [
      [1, 8, 12],
      [2, 7, 9],
      [2, 130, 131],
    ] as const) {
      const dims = [batch, height, width, 3];
      const length = dims.reduce((a, b) => a * b);
      const x = { data: Uint8Array.from({ length }, (_, i) => (i * 97 + (i >> 4)) % 256), dims };
      const [expected, found] = [await runModel(model, { x }), await runOurs(changed, x)];
      assert.deepEqual(found, expected.y);
      assert.ok(new Set(found.data).size > 20, "the outputs differ by place");
    }
  });

  const others: Readonly<Record<string, FirstConvolution>> = {
    "of grey": { channels: 1 },
    "of each channel by itself": { group: 3 },
    "of weights around another value": { weightZero: 1 },
    "of weights that might overflow": { largest: 65 },
    "of a photo in planes": { layout: "planes" },
  };
  for (const [name, how] of Object.entries(others)) {
    test(`${name} stays as it is`, () => {
      const model = makeModel(how);
      assert.deepEqual(padColours(model), model);
    });
  }
});
