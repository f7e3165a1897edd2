import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { constantsOf } from "../graph-values.ts";
import { serializeModel } from "../onnx/model-writer.ts";
import { readWholeModel } from "../onnx/whole-model.ts";
import type { OnnxModel, OnnxTensor } from "../onnx-nodes.ts";
import { floatsOf } from "../onnx-tensor.ts";
import { type Floats, runModel } from "../run-model.fixture.ts";
import { createYoloModel } from "../yolo/create-yolo-model.ts";
import { randomYolo } from "../yolo/random-yolo.fixture.ts";
import { oneOfEachFamily, type YoloFamily, type YoloScale } from "../yolo/yolo-families.fixture.ts";
import { createCalibration, rangesOf, type ValueRange, valuesToObserve } from "./calibration.ts";
import { observeModel, rangesOutput } from "./observe-model.ts";
import { quantizeModel } from "./quantize-model.ts";
import { chooseQuantizedValues, requireQuantizable } from "./quantized-values.ts";

const sizePx = 64;

function randomModel(
  family: YoloFamily,
  {
    task = "detect",
    scale = "n",
    half,
  }: { task?: "detect" | "segment"; scale?: YoloScale; half?: boolean } = {},
): OnnxModel {
  const network = randomYolo({ family, scale, narrow: true, task, classCount: 3, seed: 3 });
  const names = ["a", "b", "c"];
  return createYoloModel({ network, imageSize: sizePx, names, description: "A test", half: half! });
}

/** A picture of coloured waves. */
function waves(): Floats {
  const data = Float32Array.from({ length: 3 * sizePx * sizePx }, (_, i) => {
    const [x, y] = [i % sizePx, Math.floor(i / sizePx)];
    return Math.round(255 * (0.5 + 0.4 * Math.sin(x / 3 + y / 20) * Math.cos(y / 5))) / 255;
  });
  return { data, dims: [1, 3, sizePx, sizePx] };
}

/** Runs a network, and finds the extremes of the values that are to be bytes. */
async function observe(model: OnnxModel) {
  const values = valuesToObserve(model);
  const dims = ["batch", "channels", "height", "width"].map((name) => `shown ${name}`);
  const shown = values.map((name, i) => ({
    name,
    elementType: "float32" as const,
    dims: dims.map((dim) => `${dim} ${i}`),
  }));
  const graph = { ...model.graph, outputs: [...model.graph.outputs, ...shown.slice(1)] };
  const outputs = await runModel({ ...model, graph }, { images: waves() });
  const ranges = values.map((value): [string, ValueRange] => {
    const { data } = outputs[value] ?? waves();
    return [value, [data.reduce((a, b) => Math.min(a, b)), data.reduce((a, b) => Math.max(a, b))]];
  });
  return { ranges: new Map(ranges), outputs };
}

/** Ranges that every value has, where only the network's shape matters. */
function anyRanges(model: OnnxModel): ReadonlyMap<string, ValueRange> {
  const { rangeOf } = chooseQuantizedValues(model.graph);
  return new Map([...rangeOf.values()].map((value) => [value, [-1, 3]]));
}

/** Optimised otherwise, a network rounds otherwise. */
function assertNear(found: ValueRange, expected: ValueRange): void {
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(found[i]! - value) <= 1e-4 * (1 + Math.abs(value)), `${found}, ${expected}`);
  }
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, ofA, ofB] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    const [da, db] = [value - meanA, b[i]! - meanB];
    both += da * db;
    ofA += da * da;
    ofB += db * db;
  }
  return both / Math.sqrt(ofA * ofB);
}

/** Each row of the outputs by itself; of detections that are ranked, their scores. */
function rowsOf({ output0 }: Record<string, Floats>): readonly number[][] {
  const { data, dims } = output0!;
  const [, rows = 0, columns = 0] = dims;
  if (columns === 6) return [Array.from({ length: rows }, (_, i) => data[6 * i + 4]!)];
  return Array.from({ length: rows }, (_, row) => [
    ...data.subarray(row * columns, (row + 1) * columns),
  ]);
}

describe("a network of each family in int8", () => {
  for (const [family, scale, task] of oneOfEachFamily) {
    test(`YOLO${family}, ${task}: the outputs are about those of float32`, async () => {
      const model = randomModel(family, { scale, task });
      const { ranges, outputs } = await observe(model);
      const quantized = await runModel(quantizeModel(model, { ranges }), { images: waves() });
      const expected = rowsOf(outputs);
      for (const [row, found] of rowsOf(quantized).entries()) {
        const r = correlation(found, expected[row]!);
        assert.ok(r > 0.85, `row ${row} correlates by ${r}`);
      }
    });
  }
});

describe("what is quantised", () => {
  for (const family of ["v6", "v8", "v9", "v10", "11", "26"] as const) {
    test(`the head of YOLO${family} is decoded in float32`, () => {
      const scale = family === "v9" ? "t" : "n";
      const { graph } = randomModel(family, { scale, task: "segment" });
      const { nodes, rangeOf } = chooseQuantizedValues(graph);
      const convolutions = graph.nodes.filter(({ opType }) => opType === "Conv");
      const left = convolutions.filter((node) => !nodes.has(node));
      // The mean of a distribution is a convolution, but not one that was learned.
      const hasDistributions = family !== "26" && family !== "v6";
      assert.ok(left.length <= (hasDistributions ? 1 : 0), `${left.length} convolutions are left`);
      for (const { name } of graph.outputs) {
        const last = graph.nodes.find(({ outputs }) => outputs.includes(name))!;
        assert.ok(last.opType === "Conv" || !nodes.has(last), `${last.opType} writes an output`);
        assert.ok(!rangeOf.has(name) || last.opType === "Conv", `${name} is bytes`);
      }
      for (const node of graph.nodes) {
        if (node.opType === "Softmax" || node.opType === "TopK") assert.ok(!nodes.has(node));
      }
    });
  }

  test("weights have a scale for each output channel, and seven bits", () => {
    const model = randomModel("11");
    const { graph } = quantizeModel(model, { ranges: anyRanges(model) });
    const tensors = constantsOf(graph);
    const weights = graph.initializers.filter(({ name }) => name.endsWith(".weight.integers"));
    assert.ok(weights.length > 50);
    for (const { name, dims, rawData, elementType } of weights) {
      assert.equal(elementType, "int8");
      const scales = tensors.get(name.replace(/integers$/, "scales"))!;
      assert.deepEqual(scales.dims, dims.slice(0, 1));
      const integers = new Int8Array(rawData.buffer, rawData.byteOffset, rawData.length);
      for (const integer of integers) assert.ok(Math.abs(integer) <= 63);
    }
  });

  test("bytes of a photo are read as they are, on request", () => {
    const model = randomModel("11");
    const ranges = anyRanges(model);
    const inputType = (input: "bytes" | "floats") =>
      quantizeModel(model, { ranges, input }).graph.inputs[0]!.elementType;
    assert.equal(inputType("bytes"), "uint8");
    assert.equal(inputType("floats"), "float32");
  });

  test("a convolution and its Relu are one operator on bytes", () => {
    const model = randomModel("v6");
    const { rangeOf } = chooseQuantizedValues(model.graph);
    const rectifiers = model.graph.nodes.filter(({ opType }) => opType === "Relu");
    assert.ok(rectifiers.length > 20);
    for (const { inputs, outputs } of rectifiers) {
      assert.ok(!rangeOf.has(inputs[0]!));
      assert.ok(rangeOf.has(outputs[0]!));
    }
  });

  test("the same network and ranges make the same bytes", () => {
    const bytes = () => {
      const model = randomModel("11", { task: "segment" });
      const calibration = createCalibration({
        method: "extremes",
        model: "",
        ranges: anyRanges(model),
      });
      return serializeModel(quantizeModel(model, { ranges: rangesOf(calibration, model) }));
    };
    assert.deepEqual(bytes(), bytes());
  });
});

test("an observed network returns the extremes of its values, and bounds within them", async () => {
  const model = randomModel("v3-tiny");
  const { model: observed, values } = observeModel(model);
  const { [rangesOutput]: seen, output0 } = await runModel(observed, { images: waves() });
  const { ranges, outputs } = await observe(model);
  assert.deepEqual(values, [...ranges.keys()]);
  for (const row of rowsOf({ output0: output0! }).keys()) {
    const [found, expected] = [rowsOf({ output0: output0! })[row]!, rowsOf(outputs)[row]!];
    assert.ok(correlation(found, expected) > 0.9999);
  }
  for (const [i, value] of values.entries()) {
    const [least, greatest, lower, upper] = seen!.data.subarray(4 * i, 4 * i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (i > 0) assertNear([least, greatest], ranges.get(value)!);
    assert.ok(least <= lower && lower <= upper && upper <= greatest, value);
  }
});

describe("a calibration", () => {
  const model = randomModel("11");
  const unfit = (error: unknown) => isOrangeryError(error, "CALIBRATION_UNFIT");

  test("is read as it was made", () => {
    const ranges = anyRanges(model);
    assert.deepEqual(
      rangesOf(createCalibration({ method: "percentile", model: "", ranges }), model),
      ranges,
    );
  });

  test("of another network is refused", () => {
    const other = randomModel("v8");
    const calibration = createCalibration({
      method: "extremes",
      model: "",
      ranges: anyRanges(other),
    });
    assert.throws(() => rangesOf(calibration, model), unfit);
  });

  test("that is damaged is refused", () => {
    const calibration = createCalibration({
      method: "extremes",
      model: "",
      ranges: anyRanges(model),
    });
    const bytes = Buffer.from(calibration.ranges, "base64");
    const damaged = [
      bytes.subarray(8),
      Buffer.alloc(0),
      Buffer.alloc(bytes.length, 0xff),
      Buffer.concat([bytes.subarray(4, 8), bytes.subarray(0, 4), bytes.subarray(8)]),
    ];
    for (const ranges of damaged) {
      const broken = { ...calibration, ranges: ranges.toString("base64") };
      assert.throws(() => rangesOf(broken, model), unfit);
    }
  });
});

describe("a model that cannot be quantised", () => {
  const refuses = (model: OnnxModel, message: RegExp) =>
    assert.throws(() => requireQuantizable(model), { code: "MODEL_NOT_QUANTIZABLE", message });

  test("of float16 is refused", () => {
    refuses(randomModel("11", { half: true }), /weights are float16/);
  });

  test("that is quantised already is refused", () => {
    const model = randomModel("11");
    refuses(quantizeModel(model, { ranges: anyRanges(model) }), /quantised already/);
  });

  test("without convolutions is refused", () => {
    const model = randomModel("11");
    refuses({ ...model, graph: { ...model.graph, nodes: [] } }, /without a convolution/);
  });

  test("of operators that know no scales of channels is refused, with what to do", () => {
    const model = randomModel("11");
    refuses({ ...model, opsetVersion: 12 }, /13 or newer to quantise, got 12\. .*`opset=17`/);
    requireQuantizable({ ...model, opsetVersion: 13 });
  });
});

describe("reading a whole model", () => {
  test("returns what was written", () => {
    const model = randomModel("11", { task: "segment" });
    const bytes = serializeModel(model);
    assert.deepEqual(serializeModel(readWholeModel(bytes)), bytes);
  });

  test("takes weights of Constant nodes as those of the graph", () => {
    const model = randomModel("v8");
    const constants = model.graph.initializers.map((tensor) => ({
      name: tensor.name,
      opType: "Constant",
      inputs: [],
      outputs: [tensor.name],
      attributes: { value: { type: "tensor", value: { ...tensor, name: "" } } },
    })) as OnnxModel["graph"]["nodes"];
    const written = serializeModel({
      ...model,
      graph: { ...model.graph, initializers: [], nodes: [...constants, ...model.graph.nodes] },
    });
    const { graph } = readWholeModel(written);
    assert.equal(graph.nodes.length, model.graph.nodes.length);
    assert.deepEqual(
      chooseQuantizedValues(graph).rangeOf,
      chooseQuantizedValues(model.graph).rangeOf,
    );
    const [first] = graph.initializers as [OnnxTensor, ...OnnxTensor[]];
    assert.deepEqual(floatsOf(first), floatsOf(model.graph.initializers[0]!));
  });

  test("refuses what is no model", () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array([8, 9]), Buffer.from("%PDF-1.7")]) {
      assert.throws(() => readWholeModel(bytes), { code: "MODEL_NOT_ONNX" });
    }
  });
});
