import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GraphBuilder, type Value } from "../graph-builder.ts";
import { readWholeModel } from "../onnx/whole-model.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { runModel } from "../run-model.fixture.ts";
import { seededFloats } from "./seeded-floats.fixture.ts";
import { suitCpu } from "./suit-cpu.ts";

const channels = 6;
const anchors = 5;

interface Built {
  readonly model: OnnxModel;
  readonly images: { readonly data: Float32Array; readonly dims: readonly number[] };
}

/** A network of what `body` makes of 6 channels of 4 × 5. */
function network(body: (graph: GraphBuilder, x: Value) => readonly Value[]): Built {
  const graph = new GraphBuilder("test");
  const dims = [1, channels, 4, anchors];
  const images = graph.input("images", "float32", dims);
  for (const [i, value] of body(graph, images).entries()) {
    graph.output(`output${i}`, value, "float32", ["a", "b", "c", "d"]);
  }
  const data = seededFloats(channels * 4 * anchors, 3);
  return { model: graph.toModel(), images: { data, dims } };
}

function convolve(graph: GraphBuilder, x: Value, outputs: number, inputs = channels): Value {
  const weights = graph.weights("w", [outputs, inputs, 1, 1], seededFloats(outputs * inputs, 1));
  return graph.node("Conv", [x, weights, graph.weights("b", [outputs], seededFloats(outputs, 2))]);
}

function silu(graph: GraphBuilder, x: Value): Value {
  return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
}

/** The mean of a distribution over the channels, as Ultralytics exports it. */
function mean(graph: GraphBuilder, x: Value): Value {
  const bins = graph.weights("bins", [1, channels, 1, 1], Float32Array.of(0, 1, 2, 3, 4, 5));
  return graph.node("Conv", [graph.node("Softmax", [x], { axis: 1 }), bins]);
}

const count = ({ graph }: OnnxModel, opType: string) =>
  graph.nodes.filter((node) => node.opType === opType).length;

async function requireSame({ model, images }: Built): Promise<OnnxModel> {
  const changed = suitCpu(model);
  const [before, after] = [await runModel(model, { images }), await runModel(changed, { images })];
  for (const [name, { data, dims }] of Object.entries(before)) {
    assert.deepEqual(after[name]!.dims, dims, name);
    for (const [i, value] of data.entries()) {
      assert.ok(Math.abs(value - after[name]!.data[i]!) < 1e-5, `${name}: ${value}`);
    }
  }
  return changed;
}

/** Requires that no node is another, after those that hide the shape of the input. */
function requireKept(model: OnnxModel): void {
  const { nodes } = model.graph;
  const kept = suitCpu(model).graph.nodes.slice(-nodes.length);
  const written = (all: typeof nodes) => all.map(({ opType, outputs }) => [opType, ...outputs]);
  assert.deepEqual(written(kept), written(nodes));
}

describe("a network that is rearranged for the CPU", () => {
  const splits: Readonly<Record<string, (graph: GraphBuilder, x: Value) => readonly Value[]>> = {
    "a SiLU before the split": (graph, x) =>
      graph.split(silu(graph, convolve(graph, x, 7)), [3, 4], 1),
    "no activation": (graph, x) => graph.split(convolve(graph, x, 7), [2, 2, 3], 1),
    "equal parts by their number": (graph, x) =>
      graph.nodes("Split", [convolve(graph, x, 8)], { outputCount: 2, attributes: { axis: 1 } }),
    "a product in the other order": (graph, x) => {
      const convolved = convolve(graph, x, 4);
      const product = graph.node("Mul", [graph.node("Sigmoid", [convolved]), convolved]);
      return graph.split(product, [1, 3], 1);
    },
  };
  for (const [name, body] of Object.entries(splits)) {
    test(`has a convolution for each part: ${name}`, async () => {
      const built = network(body);
      const changed = await requireSame(built);
      assert.equal(count(changed, "Split"), 0);
      assert.equal(count(changed, "Conv"), changed.graph.outputs.length);
      assert.ok(!changed.graph.initializers.some((tensor) => tensor.name === "w"));
    });
  }

  test("multiplies its distributions by a column", async () => {
    const changed = await requireSame(network((graph, x) => [mean(graph, x)]));
    assert.equal(count(changed, "Conv"), 0);
    assert.equal(count(changed, "MatMul"), 1);
  });

  test("has parts as an attribute states them, before opset 13", async () => {
    const built = network((graph, x) =>
      graph.nodes("Split", [convolve(graph, x, 7)], {
        outputCount: 2,
        attributes: { axis: 1, split: [2, 5] },
      }),
    );
    const changed = await requireSame({ ...built, model: { ...built.model, opsetVersion: 12 } });
    assert.equal(count(changed, "Split"), 0);
  });

  test("stays as it is where a split convolution has another bias than it needs", () => {
    for (const length of [1, 6, 14]) {
      const { model } = network((graph, x) => graph.split(convolve(graph, x, 7), [3, 4], 1));
      const bias = { dims: [length], rawData: new Uint8Array(4 * length) };
      const initializers = model.graph.initializers.map((tensor) =>
        tensor.name === "b" ? { ...tensor, ...bias } : tensor,
      );
      requireKept({ ...model, graph: { ...model.graph, initializers } });
    }
  });

  const others: Readonly<Record<string, (graph: GraphBuilder, x: Value) => readonly Value[]>> = {
    "what is split is read elsewhere too": (graph, x) => {
      const activated = silu(graph, convolve(graph, x, 7));
      return [...graph.split(activated, [3, 4], 1), activated];
    },
    "the convolution is read elsewhere too": (graph, x) => {
      const convolved = convolve(graph, x, 7);
      return [...graph.split(silu(graph, convolved), [3, 4], 1), convolved];
    },
    "the parts are not all of the channels": (graph, x) =>
      graph.split(convolve(graph, x, 7), [3, 3], 1),
    "rows are split": (graph, x) => graph.split(convolve(graph, x, 7), [1, 3], 2),
    "the convolution is one of groups": (graph, x) => {
      const weights = graph.weights("w", [channels, 1, 1, 1], seededFloats(channels, 1));
      const convolved = graph.node("Conv", [x, weights], { group: channels });
      return graph.split(convolved, [2, 4], 1);
    },
    "the product is by another's sigmoid": (graph, x) => {
      const product = graph.node("Mul", [convolve(graph, x, 6), graph.node("Sigmoid", [x])]);
      return graph.split(product, [2, 4], 1);
    },
    "the probabilities are read elsewhere too": (graph, x) => {
      const probabilities = graph.node("Softmax", [x], { axis: 1 });
      const bins = graph.weights("bins", [1, channels, 1, 1], seededFloats(channels, 1));
      return [graph.node("Conv", [probabilities, bins]), probabilities];
    },
    "the softmax is over another axis": (graph, x) => {
      const bins = graph.weights("bins", [1, channels, 1, 1], seededFloats(channels, 1));
      return [graph.node("Conv", [graph.node("Softmax", [x], { axis: -1 }), bins])];
    },
    "there is an inner graph": (graph, x) => {
      const body = (name: string) =>
        graph.subgraph(name, (inner) => inner.output(name, x, "float32", ["a", "b", "c", "d"]));
      const yes = graph.initializer({
        name: "yes",
        elementType: "bool",
        dims: [],
        rawData: Uint8Array.of(1),
      });
      const same = graph.node("If", [yes], { then_branch: body("a"), else_branch: body("b") });
      return graph.split(convolve(graph, same, 7), [3, 4], 1);
    },
  };
  for (const [name, body] of Object.entries(others)) {
    test(`stays as it is where ${name}`, async () => {
      const { model } = network(body);
      requireKept(model);
    });
  }

  test("stays as it is where Softmax takes all later axes", () => {
    const model = { ...network((graph, x) => [mean(graph, x)]).model, opsetVersion: 12 };
    requireKept(model);
  });

  const path = fileURLToPath(
    new URL("../../../../shared/fixtures/models/plants-det.onnx", import.meta.url),
  );
  const skip = existsSync(path) ? false : "../shared/fixtures not present";
  test("is Ultralytics' own export with the same numbers", { skip }, async () => {
    const model = readWholeModel(await readFile(path));
    const dims = [1, 3, 320, 320];
    const data = seededFloats(3 * 320 * 320, 5).map(Math.abs);
    const changed = suitCpu(model);
    const before = await runModel(model, { images: { data, dims } });
    const after = await runModel(changed, { images: { data, dims } });
    const found = after.output0!.data;
    // Coordinates of up to 320 px in float32, whose sums are taken in another order.
    for (const [i, value] of before.output0!.data.entries()) {
      assert.ok(Math.abs(value - found[i]!) < 1e-3, `${i}: ${value}, ${found[i]}`);
    }
    // What remains is the split of queries, keys and values.
    assert.equal(count(model, "Split"), 10);
    assert.equal(count(changed, "Split"), 1);
    assert.equal(count(changed, "Conv"), count(model, "Conv") + 8);
  });
});
