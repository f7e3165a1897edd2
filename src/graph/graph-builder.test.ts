import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { float } from "./attributes.ts";
import { GraphBuilder } from "./graph-builder.ts";
import { createWeights } from "./onnx-tensor.ts";
import { runModel } from "./run-model.fixture.ts";

const invalid = (error: unknown) => isOrangeryError(error, "INVALID_ARGUMENT");

describe("GraphBuilder", () => {
  test("writes a graph that ONNX Runtime runs", async () => {
    const graph = new GraphBuilder("double");
    const x = graph.input("x", "float32", [1, "n"]);
    graph.output("y", graph.node("Mul", [x, 2]), "float32", [1, "n"]);
    const { y } = await runModel(graph.toModel(), {
      x: { data: Float32Array.of(1, 2, 3), dims: [1, 3] },
    });
    assert.deepEqual([...y!.data], [2, 4, 6]);
  });

  test("writes attributes of every type", async () => {
    const graph = new GraphBuilder("attributes");
    const x = graph.input("x", "float32", ["n"]);
    const tensor = createWeights("ten", [1], Float32Array.of(10));
    const ten = graph.node("Constant", [], { value: tensor });
    const twos = graph.node("Constant", [], {
      value_floats: { type: "floats", value: [2, 2] },
    });
    const negative = graph.node("LeakyRelu", [x], { alpha: float(0.5) });
    const twice = graph.node("Mul", [negative, graph.node("ReduceMax", [twos], { axes: [0] })]);
    const padded = graph.node("Pad", [twice, graph.ints([1, 0])], { mode: "edge" });
    const joined = graph.node("Concat", [padded, ten], { axis: 0, ignored: undefined });
    graph.output("y", joined, "float32", ["m"]);
    const { y } = await runModel(graph.toModel(), {
      x: { data: Float32Array.of(-4, 3), dims: [2] },
    });
    assert.deepEqual([...y!.data], [-4, -4, 6, 10]);
  });

  test("writes loops whose bodies read values of the graph around them", async () => {
    const graph = new GraphBuilder("power");
    const x = graph.input("x", "float32", []);
    const body = graph.subgraph("body", (loop) => {
      loop.input(loop.scopedName("i"), "int64", []);
      const go = loop.input(loop.scopedName("go"), "bool", []);
      const product = loop.input(loop.scopedName("product"), "float32", []);
      loop.output(loop.scopedName("goOn"), go, "bool", []);
      loop.output(loop.scopedName("next"), loop.node("Mul", [product, x]), "float32", []);
    });
    const start = graph.floats([1], []);
    graph.output(
      "y",
      graph.node("Loop", [graph.ints([5], []), "", start], { body }),
      "float32",
      [],
    );
    const { y } = await runModel(graph.toModel(), { x: { data: Float32Array.of(2), dims: [] } });
    assert.deepEqual([...y!.data], [32]);
  });

  test("stores equal constants once", () => {
    const graph = new GraphBuilder("constants");
    assert.equal(graph.floats([1, 2]), graph.floats([1, 2]));
    assert.notEqual(graph.floats([1, 2]), graph.floats([1, 2], [2, 1]));
    assert.notEqual(graph.floats([1, 2]), graph.ints([1, 2]));
    assert.equal(graph.toGraph().initializers.length, 3);
  });

  test("names nodes after the scope they are in", () => {
    const graph = new GraphBuilder("scopes");
    const [a, b] = graph.scope("model", () => graph.scope("0", () => graph.split("x", [1, 1], 0)));
    assert.deepEqual([a, b], ["model.0.Split_0:0", "model.0.Split_0:1"]);
    assert.equal(graph.node("Neg", [a!]), "Neg_1");
  });

  test("gives out frozen nodes", () => {
    const graph = new GraphBuilder("frozen");
    graph.output("y", graph.node("Clip", ["x", 0], { axes: [1] }), "float32", [1]);
    const model = graph.toModel();
    const [node] = model.graph.nodes;
    for (const part of [model, model.graph, model.graph.nodes, node, node!.inputs]) {
      assert.ok(Object.isFrozen(part));
    }
    assert.ok(Object.isFrozen(node!.attributes) && Object.isFrozen(node!.attributes.axes));
  });

  test("refuses a plain number that is no integer as an attribute", () => {
    const graph = new GraphBuilder("attributes");
    assert.throws(() => graph.node("LeakyRelu", ["x"], { alpha: 0.1 }), invalid);
    assert.throws(() => graph.node("Pad", ["x"], { pads: [0, 0.5] }), invalid);
  });
});

describe("createTensor", () => {
  const cases = [
    ["an empty one", [0], new Float32Array(0), "float32", 0],
    ["a scalar", [], Float32Array.of(1), "float32", 4],
    ["int64", [2], BigInt64Array.of(1n, 2n), "int64", 16],
    ["int32", [1, 2], Int32Array.of(1, 2), "int32", 8],
    ["uint8", [3], Uint8Array.of(1, 2, 3), "uint8", 3],
  ] as const;
  for (const [name, dims, elements, elementType, byteLength] of cases) {
    test(`holds ${name} without copying`, () => {
      const tensor = createWeights("t", dims, elements);
      assert.equal(tensor.elementType, elementType);
      assert.equal(tensor.rawData.byteLength, byteLength);
      assert.equal(tensor.rawData.buffer, elements.buffer);
    });
  }

  test("refuses elements that do not fill the sizes", () => {
    assert.throws(() => createWeights("t", [2, 2], new Float32Array(3)), invalid);
  });
});
