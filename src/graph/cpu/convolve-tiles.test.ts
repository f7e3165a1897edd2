import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Attributes } from "../attributes.ts";
import { GraphBuilder } from "../graph-builder.ts";
import type { OnnxModel, OnnxTensor } from "../onnx-nodes.ts";
import { RunnableModel } from "../run-model.fixture.ts";
import { convolveTiles } from "./convolve-tiles.ts";
import { seededFloats } from "./seeded-floats.fixture.ts";

interface Layer {
  readonly inputs?: number;
  readonly outputs?: number;
  readonly kernel?: number;
  readonly bias?: boolean;
  readonly attributes?: Attributes;
}

/** A network of one convolution, for photos of any size. */
function network({ inputs = 64, outputs = 64, kernel = 3, bias = true, attributes }: Layer) {
  const graph = new GraphBuilder("layer");
  const images = graph.input("images", "float32", ["batch", inputs, "height", "width"]);
  const perOutput = (inputs * kernel ** 2) / Number(attributes?.group ?? 1);
  const dims = [outputs, perOutput / kernel ** 2, kernel, kernel];
  const weights = graph.weights("w", dims, seededFloats(outputs * perOutput, 1));
  const operands = bias ? [graph.weights("b", [outputs], seededFloats(outputs, 2))] : [];
  const pads = [1, 1, 1, 1];
  const given = { kernel_shape: [kernel, kernel], pads, ...attributes };
  const convolved = graph.node("Conv", [images, weights, ...operands], given);
  graph.output("out", convolved, "float32", ["batch", outputs, "rows", "columns"]);
  return graph.toModel();
}

const isChanged = (model: OnnxModel) => convolveTiles(model).graph.nodes.length > 2;

describe("a convolution by tiles", () => {
  const layers: Readonly<Record<string, Layer>> = {
    "with a bias": {},
    "without a bias": { bias: false },
    "with more outputs than inputs": { outputs: 112 },
    "with fewer outputs than inputs": { inputs: 80 },
    "with every attribute stated": {
      attributes: { strides: [1, 1], dilations: [1, 1], group: 1, auto_pad: "NOTSET" },
    },
  };
  for (const [name, layer] of Object.entries(layers)) {
    test(`${name} gives the same numbers for photos of any size`, async () => {
      const model = network(layer);
      assert.ok(isChanged(model));
      await using before = await RunnableModel.open(model);
      await using after = await RunnableModel.open(convolveTiles(model));
      const { inputs = 64 } = layer;
      for (const [batch, height, width] of [
        [1, 1, 1],
        [1, 4, 8],
        [2, 5, 6],
        [3, 7, 3],
        [1, 20, 15],
      ] as const) {
        const dims = [batch, inputs, height, width];
        const images = { dims, data: seededFloats(batch * inputs * height * width, 3) };
        const [expected, found] = [await before.run({ images }), await after.run({ images })];
        assert.deepEqual(found.out!.dims, expected.out!.dims);
        for (const [i, value] of expected.out!.data.entries()) {
          const difference = Math.abs(value - found.out!.data[i]!);
          // Sums of some hundred products of about 0.5, in float32.
          assert.ok(difference < 5e-4, `${dims}: ${value}, ${found.out!.data[i]}`);
        }
      }
    });
  }

  const others: Readonly<Record<string, Layer>> = {
    "moves by two pixels": { attributes: { strides: [2, 2] } },
    "has gaps": { attributes: { dilations: [2, 2], pads: [2, 2, 2, 2] } },
    "has groups": { inputs: 128, outputs: 128, attributes: { group: 2 } },
    "has no zeros around": { attributes: { pads: [0, 0, 0, 0] } },
    "leaves the zeros around to the runtime": {
      attributes: { pads: undefined, auto_pad: "SAME_UPPER" },
    },
    "is of another kernel": { kernel: 5, attributes: { pads: [2, 2, 2, 2] } },
    "has few channels": { inputs: 48 },
    "has channels that are not whole blocks": { outputs: 72 },
    "has many weights": { inputs: 512, outputs: 144 },
  };
  for (const [name, layer] of Object.entries(others)) {
    test(`is not used where it ${name}`, () => assert.ok(!isChanged(network(layer))));
  }

  test("is not used where the weights or the bias are computed", () => {
    for (const computed of [1, 2]) {
      const model = network({});
      const nodes = model.graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((name, i) => (i === computed ? `${name}.computed` : name)),
      }));
      assert.ok(!isChanged({ ...model, graph: { ...model.graph, nodes } }));
    }
  });

  test("is not used where the weights or the bias are not whole: the runtime refuses them", () => {
    const model = network({});
    const damages: Readonly<Record<string, Partial<OnnxTensor>>> = {
      "a longer bias": { name: "b", dims: [128], rawData: new Uint8Array(512) },
      "a shorter bias": { name: "b", dims: [63], rawData: new Uint8Array(252) },
      "a bias of one": { name: "b", dims: [1], rawData: new Uint8Array(4) },
      "no bias": { name: "b", dims: [0], rawData: new Uint8Array(0) },
      "a bias that is cut off": { name: "b", rawData: new Uint8Array(252) },
      "weights that are cut off": { name: "w", rawData: new Uint8Array(64 * 64 * 9 * 4 - 8) },
      "more filters than values": { name: "w", dims: [128, 64, 3, 3] },
    };
    for (const [what, damage] of Object.entries(damages)) {
      const initializers = model.graph.initializers.map((tensor) =>
        tensor.name === damage.name ? { ...tensor, ...damage } : tensor,
      );
      assert.ok(!isChanged({ ...model, graph: { ...model.graph, initializers } }), what);
    }
  });

  test("is not used where other convolutions do most of the work", () => {
    // 25 products for each pixel there, and here 9 for a quarter, one and four pixels.
    const beside = (scale: "half" | "same" | "double") => {
      const graph = new GraphBuilder("layers");
      const images = graph.input("images", "float32", [1, 64, 16, 16]);
      const weights = graph.weights("w", [64, 64, 3, 3], seededFloats(64 * 64 * 9, 1));
      const others = graph.weights("v", [64, 64, 5, 5], seededFloats(64 * 64 * 25, 2));
      const before = graph.node("Conv", [images, others], { pads: [2, 2, 2, 2] });
      const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
      const scaled = {
        half: () => graph.node("MaxPool", [before], attributes),
        same: () => before,
        double: () => graph.node("Resize", [before, "", graph.floats([1, 1, 2, 2])]),
      }[scale]();
      const pads = [1, 1, 1, 1];
      const after = graph.node("Conv", [scaled, weights], { kernel_shape: [3, 3], pads });
      graph.output("out", after, "float32", [1, 64, "rows", "columns"]);
      const model = graph.toModel();
      return convolveTiles(model) !== model;
    };
    assert.deepEqual((["half", "same", "double"] as const).map(beside), [false, false, true]);
  });

  test("is not used in a model of an older opset", () => {
    assert.ok(!isChanged({ ...network({}), opsetVersion: 14 }));
  });

  test("shares constants between convolutions", () => {
    const model = network({});
    const again = model.graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (name === "images" ? "out" : name)),
      outputs: node.outputs.map((name) => `${name}.again`),
    }));
    const twice = { ...model.graph, nodes: [...model.graph.nodes, ...again] };
    const { initializers } = convolveTiles({ ...model, graph: twice }).graph;
    const names = initializers.map((tensor) => tensor.name);
    assert.equal(new Set(names).size, names.length);
    const own = convolveTiles(model).graph.initializers.length;
    // Weights of six columns, and the bias.
    assert.equal(names.length, own + 7);
  });
});
