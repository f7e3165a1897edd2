import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bareModel } from "../../bare-model.fixture.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { createSiluTables, findSilus, lookUpSilus } from "./look-up-silus.ts";

const bytes = (name: string) => ({ name, elementType: "uint8" as const, dims: [1, 4] });

function operator(opType: string, inputs: readonly string[], output: string): OnnxNode {
  const domain = "com.microsoft";
  return { name: output, opType, domain, inputs, outputs: [output], attributes: {} };
}

const sigmoid = operator("QLinearSigmoid", ["x", "s", "z", "s2", "z"], "sigmoid");
const product = operator("QLinearMul", ["x", "s", "z", "sigmoid", "s2", "z", "s", "z"], "y");

function makeModel(nodes: readonly OnnxNode[], graph: Partial<OnnxGraph> = {}): OnnxModel {
  return bareModel({
    nodes,
    initializers: [
      createWeights("s", [], Float32Array.of(0.05)),
      createWeights("s2", [], Float32Array.of(1 / 256)),
      createWeights("z", [], Uint8Array.of(7)),
      createWeights("signed", [], Int8Array.of(7)),
      createWeights("many", [4], Float32Array.of(1, 2, 3, 4)),
    ],
    inputs: [bytes("x")],
    outputs: [bytes("y")],
    ...graph,
  });
}

describe("SiLUs in int8", () => {
  test("are found, whichever factor comes first", () => {
    const turned = operator("QLinearMul", ["sigmoid", "s2", "z", "x", "s", "z", "s", "z"], "y");
    for (const last of [product, turned]) {
      assert.deepEqual(findSilus(makeModel([sigmoid, last])), [
        { input: "x", sigmoid, product: last },
      ]);
    }
  });

  const others: Readonly<Record<string, OnnxModel>> = {
    "whose sigmoid another node reads": makeModel([
      sigmoid,
      product,
      operator("QLinearAdd", ["sigmoid", "s2", "z", "y", "s", "z", "s", "z"], "sum"),
    ]),
    "whose sigmoid is an output": makeModel([sigmoid, product], {
      outputs: [bytes("y"), bytes("sigmoid")],
    }),
    "that multiply by the sigmoid of something else": makeModel([
      { ...sigmoid, inputs: ["other", ...sigmoid.inputs.slice(1)] },
      product,
    ]),
    "of a sigmoid with itself": makeModel([
      sigmoid,
      operator("QLinearMul", ["sigmoid", "s2", "z", "sigmoid", "s2", "z", "s", "z"], "y"),
    ]),
    "of signed bytes": makeModel([
      sigmoid,
      operator("QLinearMul", ["x", "s", "signed", "sigmoid", "s2", "z", "s", "z"], "y"),
    ]),
    "without a zero point": makeModel([
      sigmoid,
      operator("QLinearMul", ["x", "s", "", "sigmoid", "s2", "z", "s", "z"], "y"),
    ]),
    "with a scale for each channel": makeModel([
      sigmoid,
      operator("QLinearMul", ["x", "many", "z", "sigmoid", "s2", "z", "s", "z"], "y"),
    ]),
    "with a scale that is computed": makeModel([sigmoid, product], {
      initializers: makeModel([]).graph.initializers.filter(({ name }) => name !== "s2"),
    }),
    "of another domain": makeModel([{ ...sigmoid, domain: undefined }, product]),
  };
  for (const [name, model] of Object.entries(others)) {
    test(`${name} are left as they are`, () => assert.deepEqual(findSilus(model), []));
  }

  test("become tables, and keep all else", () => {
    const before = operator("QLinearAdd", ["x", "s", "z", "x", "s", "z", "s", "z"], "sum");
    const last = operator("QLinearAdd", ["y", "s", "z", "sum", "s", "z", "s", "z"], "end");
    const model = makeModel([before, sigmoid, product, last], { outputs: [bytes("end")] });
    const silus = findSilus(model);
    const tables = createSiluTables(model, silus).graph;
    assert.deepEqual(
      tables.nodes.map(({ inputs: [input], outputs }) => [input, ...outputs]),
      [
        ["bytes", "sigmoid"],
        ["bytes", "y"],
      ],
    );
    assert.deepEqual(
      tables.initializers.map(({ name }) => name),
      ["s", "s2", "z"],
    );
    const table = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
    const changed = lookUpSilus(model, silus, [table]);
    const lookUp = { ...product, opType: "LookUp", domain: "orangery", inputs: ["x", "y.table"] };
    assert.deepEqual(changed.graph.nodes, [before, lookUp, last]);
    assert.deepEqual(
      changed.graph.initializers.map(({ name }) => name),
      ["s", "z", "y.table"],
    );
    assert.deepEqual(changed.graph.initializers.at(-1)?.rawData, table);
    assert.equal(changed.metadata, model.metadata);
  });
});
