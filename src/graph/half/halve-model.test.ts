import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { float } from "../attributes.ts";
import { GraphBuilder, type Value } from "../graph-builder.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import type { ValueRange } from "../quantize/calibration.ts";
import { quantizeModel } from "../quantize/quantize-model.ts";
import { chooseQuantizedValues } from "../quantize/quantized-values.ts";
import { type Floats, runModel } from "../run-model.fixture.ts";
import { createYoloModel, type YoloModelOptions } from "../yolo/create-yolo-model.ts";
import { randomYolo } from "../yolo/random-yolo.fixture.ts";
import { oneOfEachFamily, type YoloFamily, type YoloScale } from "../yolo/yolo-families.fixture.ts";
import { halveModel } from "./halve-model.ts";
import { valueTypes } from "./value-types.ts";

const sizePx = 64;

function randomModel(
  family: YoloFamily,
  {
    task = "detect",
    scale = "n",
    ...options
  }: { task?: "detect" | "segment"; scale?: YoloScale } & Partial<YoloModelOptions> = {},
): OnnxModel {
  const network = randomYolo({ family, scale, narrow: true, task, classCount: 3, seed: 3 });
  const names = ["a", "b", "c"];
  return createYoloModel({ network, imageSize: sizePx, names, description: "A test", ...options });
}

/** A picture of coloured waves, as bytes. */
const waves = Uint8Array.from({ length: 3 * sizePx * sizePx }, (_, i) => {
  const [x, y] = [i % sizePx, Math.floor(i / sizePx)];
  return Math.round(255 * (0.5 + 0.4 * Math.sin(x / 3 + y / 20) * Math.cos(y / 5)));
});
const dims = [1, 3, sizePx, sizePx];
const asBytes = { images: { data: waves, dims } };
const asFloats = { images: { data: Float32Array.from(waves, (byte) => byte / 255), dims } };

/** By how much an element is off, as a share of what it is or of 1. */
function worst(found: Floats, expected: Floats): number {
  return found.data.reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - expected.data[i]!) / (1 + Math.abs(expected.data[i]!)));
  }, 0);
}

describe("a network of each family in float16", () => {
  for (const [family, scale, task] of oneOfEachFamily) {
    test(`YOLO${family}, ${task}: the outputs are about those of float32`, async () => {
      const model = randomModel(family, { scale, task });
      const halved = halveModel(model, { input: "bytes" });
      assertHalved(model, halved);
      const [found, expected] = [await runModel(halved, asBytes), await runModel(model, asFloats)];
      assert.deepEqual(found.output0!.dims, expected.output0!.dims);
      // Detections that are ranked change places.
      if (family === "v10" || family === "26") {
        return assertScores(found.output0!, expected.output0!);
      }
      // A random network makes much of a little: on trained ones the scores are off by 0.002.
      const off = worst(found.output0!, expected.output0!);
      assert.ok(off < 0.2, `${off}`);
    });
  }

  for (const family of ["11", "26"] as const) {
    test(`YOLO${family} of any size keeps its input and outputs`, () => {
      const model = randomModel(family, { imageSize: "dynamic", batch: "dynamic" });
      const halved = halveModel(model);
      assertHalved(model, halved);
      assert.deepEqual(halved.graph.outputs, model.graph.outputs);
      assert.deepEqual(halved.graph.inputs, model.graph.inputs);
    });
  }
});

/** All learned weights are float16; what is left are anchors, strides and scales of enlarging. */
function assertHalved(model: OnnxModel, halved: OnnxModel): void {
  const left = halved.graph.initializers
    .filter(({ elementType }) => elementType === "float32")
    .reduce((sum, { rawData }) => sum + rawData.length, 0);
  assert.ok(left < 1500, `${left} bytes`);
  assertCasts(model, halved, model.graph.outputs.length === 2 ? 6 : 4);
}

/** Scores of rows xyxy, score, class; best first. */
function assertScores(found: Floats, expected: Floats): void {
  for (let at = 4; at < found.data.length; at += 6) {
    const [score, wanted] = [found.data[at]!, expected.data[at]!];
    assert.ok(Math.abs(score - wanted) < 0.01, `${score} and ${wanted} at ${at}`);
  }
}

/** No cast reads another, none is of what has the type already, and none is there twice. */
function assertCasts(model: OnnxModel, halved: OnnxModel, most: number): void {
  const types = valueTypes(halved.graph);
  const casts = halved.graph.nodes.filter(({ opType }) => opType === "Cast");
  const known = model.graph.nodes.filter(({ opType }) => opType === "Cast").length;
  const written = new Set(casts.flatMap(({ outputs }) => outputs));
  const seen = new Set<string>();
  for (const { inputs, outputs } of casts) {
    const [from = "", to = ""] = [inputs[0], outputs[0]];
    assert.ok(!written.has(from), `${to} is a cast of the cast ${from}`);
    assert.notEqual(types.get(from), types.get(to));
    const what = `${from} to ${types.get(to)}`;
    assert.ok(!seen.has(what), `${what} is there twice`);
    seen.add(what);
  }
  assert.ok(casts.length - known <= most, `${casts.length - known} casts`);
}

/** Ones of 2 × 2, by `weight`, and what is made of them. */
function network(
  build: (graph: GraphBuilder, x: Value) => Value,
  { weight = 1 }: { readonly weight?: number } = {},
): OnnxModel {
  const graph = new GraphBuilder("by hand");
  const x = graph.input("images", "float32", [1, 1, 2, 2]);
  const learned = graph.weights("learned", [1, 1, 1, 1], Float32Array.of(weight));
  const y = graph.node("Conv", [build(graph, x), learned]);
  graph.output("output0", graph.node("Add", [y, 1000.3]), "float32", [1, 1, 2, 2]);
  return graph.toModel();
}

const ones = { images: { data: Float32Array.of(1, 1, 1, 1), dims: [1, 1, 2, 2] } };

/** The types of the outputs of the first operator of a kind. */
function typesOf({ graph }: OnnxModel, opType: string) {
  const types = valueTypes(graph);
  const { inputs, outputs } = graph.nodes.find((node) => node.opType === opType)!;
  return { in: inputs.map((name) => types.get(name)), out: outputs.map((name) => types.get(name)) };
}

describe("what computes in float16", () => {
  test("is the convolution, and not what is added to coordinates", async () => {
    const halved = halveModel(network((_, x) => x, { weight: 0.1 }));
    assert.deepEqual(typesOf(halved, "Conv"), { in: ["float16", "float16"], out: ["float16"] });
    const { output0 } = await runModel(halved, ones);
    // 0.1 is 0.0999755859375 in float16; 1000.3 would be 1000.5.
    const expected = Math.fround(Math.f16round(0.1) + Math.fround(1000.3));
    assert.deepEqual([...output0!.data], Array(4).fill(expected));
  });

  test("is a photo's bytes from the first operator on, divided by 255", async () => {
    const halved = halveModel(
      network((_, x) => x),
      { input: "bytes" },
    );
    assert.deepEqual(halved.graph.inputs[0]!.elementType, "uint8");
    assert.deepEqual(typesOf(halved, "Div"), { in: ["float16", "float16"], out: ["float16"] });
    const images = { data: Uint8Array.of(0, 255, 51, 1), dims: [1, 1, 2, 2] };
    const { output0 } = await runModel(halved, { images });
    for (const [i, share] of [0, 1, 0.2, 1 / 255].entries()) {
      assert.ok(Math.abs(output0!.data[i]! - 1000.3 - share) < 2e-4, `${output0!.data[i]}`);
    }
  });

  const operators: readonly (readonly [string, (graph: GraphBuilder, x: Value) => Value])[] = [
    ["Sigmoid", (graph, x) => graph.node("Sigmoid", [x])],
    ["Relu", (graph, x) => graph.node("Relu", [x])],
    ["LeakyRelu", (graph, x) => graph.node("LeakyRelu", [x], { alpha: float(0.1) })],
    ["Clip", (graph, x) => graph.node("Clip", [x, 0, 6])],
    ["MaxPool", (graph, x) => graph.node("MaxPool", [x], { kernel_shape: [1, 1] })],
    ["AveragePool", (graph, x) => graph.node("AveragePool", [x], { kernel_shape: [1, 1] })],
    ["Concat", (graph, x) => graph.node("Concat", [x], { axis: 1 })],
    ["Split", (graph, x) => graph.split(x, [1], 1)[0]!],
    ["Slice", (graph, x) => graph.node("Slice", [x, graph.ints([0]), graph.ints([9])])],
    ["Softmax", (graph, x) => graph.node("Softmax", [x], { axis: -1 })],
    ["MatMul", (graph, x) => graph.node("MatMul", [x, x])],
    ["Transpose", (graph, x) => graph.node("Transpose", [x], { perm: [0, 1, 3, 2] })],
    ["Reshape", (graph, x) => graph.node("Reshape", [x, graph.ints([0, 1, 2, 2])])],
    ["Pad", (graph, x) => graph.node("Pad", [x, graph.ints([0, 0, 0, 0, 0, 0, 0, 0])])],
    ["Mul", (graph, x) => graph.node("Mul", [x, 2])],
  ];
  for (const [opType, build] of operators) {
    test(`is ${opType}`, async () => {
      const model = network(build);
      const halved = halveModel(model);
      const { in: came, out } = typesOf(halved, opType);
      assert.deepEqual(out, ["float16"]);
      assert.ok(!came.includes("float32"), `${came}`);
      const [found, expected] = [await runModel(halved, ones), await runModel(model, ones)];
      assert.ok(worst(found.output0!, expected.output0!) < 1e-3);
    });
  }

  test("is Resize, whose scales stay in float32", async () => {
    const halved = halveModel(
      network((graph, x) => {
        const scales = graph.floats([1, 1, 1, 1]);
        return graph.node("Resize", [x, "", scales], { mode: "nearest" });
      }),
    );
    const { in: came, out } = typesOf(halved, "Resize");
    assert.deepEqual([came[0], came[2], out[0]], ["float16", "float32", "float16"]);
    assert.deepEqual(
      [...(await runModel(halved, ones)).output0!.data],
      Array(4).fill(Math.fround(1001.3)),
    );
  });
});

describe("what stays in float32", () => {
  const unsafe: readonly (readonly [string, string, (graph: GraphBuilder, x: Value) => Value])[] = [
    ["an operator that is not known to be safe", "Exp", (graph, x) => graph.node("Exp", [x])],
    [
      "a sum that may be large",
      "ReduceSum",
      (graph, x) => graph.node("ReduceSum", [x, graph.ints([3])]),
    ],
    ["a constant beyond what float16 holds", "Mul", (graph, x) => graph.node("Mul", [x, 70_000])],
    ["a constant that would become zero", "Max", (graph, x) => graph.node("Max", [x, 1e-12])],
  ];
  for (const [what, opType, build] of unsafe) {
    test(`is ${what}`, async () => {
      const model = network((graph, x) => graph.node("Min", [build(graph, x), 8]));
      const halved = halveModel(model);
      assert.deepEqual(typesOf(halved, opType).out, ["float32"]);
      assert.deepEqual(typesOf(halved, "Min").out, ["float16"]);
      const [found, expected] = [await runModel(halved, ones), await runModel(model, ones)];
      assert.ok(worst(found.output0!, expected.output0!) < 1e-3);
    });
  }

  test("is a convolution with a weight beyond what float16 holds", async () => {
    const model = network((_, x) => x, { weight: 70_000 });
    const halved = halveModel(model);
    assert.deepEqual(typesOf(halved, "Conv"), { in: ["float32", "float32"], out: ["float32"] });
    assert.equal((await runModel(halved, ones)).output0!.data[0], Math.fround(71_000.3));
  });

  test("is not a convolution with weights that become zero", () => {
    const halved = halveModel(network((_, x) => x, { weight: 1e-9 }));
    assert.deepEqual(typesOf(halved, "Conv").out, ["float16"]);
  });

  test("is integers: shapes, indices, classes", () => {
    const model = randomModel("26", { imageSize: "dynamic" });
    const before = valueTypes(model.graph);
    const after = valueTypes(halveModel(model).graph);
    const integers = [...before].filter(([, type]) => type === "int64");
    assert.ok(integers.length > 20);
    for (const [name] of integers) assert.equal(after.get(name), "int64", name);
  });

  test("is a constant that both read, in both types", async () => {
    const graph = new GraphBuilder("shared");
    const x = graph.input("images", "float32", [1, 1, 2, 2]);
    const shared = graph.floats([0.1], []);
    const learned = graph.weights("learned", [1, 1, 1, 1], Float32Array.of(1));
    const y = graph.node("Conv", [graph.node("Mul", [x, shared]), learned]);
    graph.output("output0", graph.node("Add", [y, shared]), "float32", [1, 1, 2, 2]);
    const halved = halveModel(graph.toModel());
    assert.deepEqual(typesOf(halved, "Mul").in, ["float16", "float16"]);
    assert.deepEqual(typesOf(halved, "Add").in, ["float32", "float32"]);
    const expected = Math.fround(Math.f16round(0.1) + Math.fround(0.1));
    assert.equal((await runModel(halved, ones)).output0!.data[0], expected);
  });

  test("is an output that other nodes read, too", async () => {
    const graph = new GraphBuilder("read");
    const x = graph.input("images", "float32", [1, 1, 2, 2]);
    const learned = graph.weights("learned", [1, 1, 1, 1], Float32Array.of(0.1));
    const y = graph.node("Conv", [x, learned]);
    graph.output("output0", y, "float32", [1, 1, 2, 2]);
    graph.output("output1", graph.node("Conv", [y, learned]), "float32", [1, 1, 2, 2]);
    const model = graph.toModel();
    const { output0, output1 } = await runModel(halveModel(model), ones);
    assert.equal(output0!.data[0], Math.f16round(0.1));
    assert.ok(Math.abs(output1!.data[0]! - 0.01) < 1e-5);
  });
});

describe("a model that cannot be made of float16", () => {
  const refuses = (model: OnnxModel, message: RegExp) =>
    assert.throws(() => halveModel(model), { code: "MODEL_NOT_QUANTIZABLE", message });

  test("has weights of float16 already", () => {
    refuses(halveModel(randomModel("11")), /weights are float16/);
  });

  test("takes a photo's bytes already", () => {
    refuses(halveModel(randomModel("11"), { input: "bytes" }), /`images` is uint8/);
  });

  test("is quantised", () => {
    const model = randomModel("11");
    const values = [...chooseQuantizedValues(model.graph).rangeOf.values()];
    const ranges = new Map(values.map((value): [string, ValueRange] => [value, [-1, 3]]));
    refuses(quantizeModel(model, { ranges }), /quantised already/);
  });

  test("has a loop", () => {
    const model = network((graph, x) => {
      const body = graph.subgraph("body", (loop) => {
        loop.input(loop.scopedName("i"), "int64", []);
        const go = loop.input(loop.scopedName("go"), "bool", []);
        loop.output(loop.scopedName("goOn"), go, "bool", []);
      });
      graph.nodes("Loop", [graph.ints([5], []), ""], { outputCount: 0, attributes: { body } });
      return x;
    });
    refuses(model, /one with Loop/);
  });

  test("has no convolution", () => {
    const model = randomModel("11");
    refuses({ ...model, graph: { ...model.graph, nodes: [] } }, /without a convolution/);
  });
});
