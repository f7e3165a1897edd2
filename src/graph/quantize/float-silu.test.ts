import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runModel } from "../run-model.fixture.ts";
import { createYoloModel } from "../yolo/create-yolo-model.ts";
import { randomYolo } from "../yolo/random-yolo.fixture.ts";
import { leaveSiluInFloat } from "./float-silu.ts";
import { quantizeModel } from "./quantize-model.ts";
import { chooseQuantizedValues } from "./quantized-values.ts";

function quantizedYolo() {
  const network = randomYolo({
    family: "11",
    scale: "n",
    narrow: true,
    task: "detect",
    classCount: 2,
    seed: 3,
  });
  const model = createYoloModel({
    network,
    imageSize: 64,
    names: ["a", "b"],
    description: "A test",
  });
  const { rangeOf } = chooseQuantizedValues(model.graph);
  const ranges = new Map(
    [...rangeOf.values()].map((value) => [value, [-4, 4] as [number, number]]),
  );
  return quantizeModel(model, { ranges });
}

describe("a SiLU that is left in float", () => {
  const model = quantizedYolo();
  const changed = leaveSiluInFloat(model);
  const count = ({ graph }: typeof model, opType: string) =>
    graph.nodes.filter((node) => node.opType === opType).length;

  test("is no longer rounded at x and at sigmoid(x)", () => {
    const activated = model.graph.nodes.filter(({ opType }) => opType === "Sigmoid").length;
    const left = count(model, "QuantizeLinear") - count(changed, "QuantizeLinear");
    // The sigmoid of the classes' scores belongs to the head.
    assert.equal(left, 2 * (activated - 1));
    assert.equal(count(model, "DequantizeLinear") - count(changed, "DequantizeLinear"), left);
    const written = new Set([
      ...changed.graph.nodes.flatMap(({ outputs }) => outputs),
      ...changed.graph.initializers.map(({ name }) => name),
      ...changed.graph.inputs.map(({ name }) => name),
      "",
    ]);
    for (const { inputs, name } of changed.graph.nodes) {
      for (const input of inputs) assert.ok(written.has(input), `${name} reads ${input}`);
    }
  });

  test("finds about the same", async () => {
    const images = {
      data: Float32Array.from({ length: 3 * 64 * 64 }, (_, i) => (i % 97) / 97),
      dims: [1, 3, 64, 64],
    };
    const [before, after] = [
      await runModel(model, { images }),
      await runModel(changed, { images }),
    ];
    const [expected, found] = [before.output0!.data, after.output0!.data];
    const distances = expected.map((value, i) => Math.abs(value - found[i]!));
    assert.ok(distances.some((distance) => distance > 0));
    assert.ok(Math.max(...distances) < 3, `off by up to ${Math.max(...distances)}`);
  });

  test("is left alone the next time", () => {
    const names = (nodes: typeof model.graph.nodes) => nodes.map(({ name }) => name);
    assert.deepEqual(names(leaveSiluInFloat(changed).graph.nodes), names(changed.graph.nodes));
  });
});
