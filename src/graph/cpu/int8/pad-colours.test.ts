import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toOnnxAttributes } from "../../attributes.ts";
import { bareModel } from "../../bare-model.fixture.ts";
import { newNode } from "../../new-node.ts";
import type { OnnxModel } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { runModel } from "../../run-model.fixture.ts";
import { padColours } from "./pad-colours.ts";

interface FirstConvolution {
  readonly channels?: number;
  readonly group?: number;
  readonly weightZero?: number;
  readonly largest?: number;
  readonly perm?: readonly number[];
  readonly photoIsOutput?: boolean;
}

function makeModel({
  channels = 3,
  group = 1,
  weightZero = 0,
  largest = 64,
  perm = [0, 2, 3, 1],
  photoIsOutput = false,
}: FirstConvolution = {}): OnnxModel {
  const weights = Int8Array.from({ length: 6 * (channels / group) * 9 }, (_, i) =>
    i === 0 ? -largest : ((i * 29) % 127) - 63,
  );
  const value = (name: string, dims: readonly (number | string)[]) => ({
    name,
    elementType: "uint8" as const,
    dims,
  });
  return bareModel({
    nodes: [
      newNode("Transpose", ["x"], "pixels", toOnnxAttributes("Transpose", { perm })),
      {
        name: "conv",
        opType: "QLinearConv",
        domain: "com.microsoft",
        inputs: ["pixels", "s", "z", "w", "ws", "wz", "s", "z", "b"],
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
    inputs: [value("x", ["batch", channels, "height", "width"])],
    outputs: [
      value("y", ["y0", "y1", "y2", 6]),
      ...(photoIsOutput ? [value("pixels", ["p0", "p1", "p2", channels])] : []),
    ],
  });
}

describe("the first convolution of an int8 network", () => {
  test("gives the same with a fourth channel", async () => {
    const model = makeModel();
    const changed = padColours(model);
    assert.deepEqual(
      changed.graph.nodes.map(({ opType }) => opType),
      ["Pad", "Transpose", "QLinearConv"],
    );
    assert.ok(!changed.graph.initializers.some(({ name }) => name === "w"));
    for (const [batch, height, width] of [
      [1, 8, 12],
      [2, 7, 9],
    ] as const) {
      const dims = [batch, 3, height, width];
      const length = dims.reduce((a, b) => a * b);
      const x = { data: Uint8Array.from({ length }, (_, i) => (i * 97 + (i >> 4)) % 256), dims };
      const [expected, found] = [await runModel(model, { x }), await runModel(changed, { x })];
      assert.deepEqual(found, expected);
      assert.ok(new Set(found.y!.data).size > 20, "the outputs differ by place");
    }
  });

  test("leaves the pixels to others that read them", () => {
    const { nodes } = padColours(makeModel({ photoIsOutput: true })).graph;
    assert.deepEqual(
      nodes.map(({ opType, outputs }) => [opType, ...outputs]),
      [
        ["Transpose", "pixels"],
        ["Pad", "y.four"],
        ["Transpose", "y.pixels"],
        ["QLinearConv", "y"],
      ],
    );
  });

  const others: Readonly<Record<string, FirstConvolution>> = {
    "of grey": { channels: 1 },
    "of each channel by itself": { group: 3 },
    "of weights around another value": { weightZero: 1 },
    "of weights that might overflow": { largest: 65 },
    "of pixels that are turned otherwise": { perm: [0, 3, 2, 1] },
  };
  for (const [name, how] of Object.entries(others)) {
    test(`${name} stays as it is`, () => {
      const model = makeModel(how);
      assert.deepEqual(padColours(model), model);
    });
  }
});
