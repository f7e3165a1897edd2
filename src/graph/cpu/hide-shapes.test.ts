import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GraphBuilder } from "../graph-builder.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { RunnableModel } from "../run-model.fixture.ts";
import { hideShapes } from "./hide-shapes.ts";

/** Doubles its input, and returns its shape. */
function network(size: number | "free", elementType: "float32" | "uint8" = "float32"): OnnxModel {
  const graph = new GraphBuilder("doubled");
  const extent = (name: string) => (size === "free" ? name : size);
  const dims = [1, 3, extent("height"), extent("width")];
  const x = graph.input("images", elementType, dims);
  graph.output("doubled", graph.node("Add", [x, x]), elementType, dims);
  return graph.toModel();
}

describe("a network whose shapes are hidden", () => {
  for (const size of ["free", 4] as const) {
    for (const first of [0.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      test(`computes the same: size ${size}, from ${first} on`, async () => {
        const model = network(size);
        const changed = hideShapes(model);
        assert.notEqual(changed, model);
        assert.deepEqual(changed.graph.inputs, model.graph.inputs);
        await using before = await RunnableModel.open(model);
        await using after = await RunnableModel.open(changed);
        for (const extent of size === "free" ? [1, 5] : [4]) {
          const images = {
            dims: [1, 3, extent, extent],
            data: Float32Array.from({ length: 3 * extent ** 2 }, (_, i) => (i === 0 ? first : i)),
          };
          assert.deepEqual(await after.run({ images }), await before.run({ images }));
        }
      });
    }
  }

  test("stays as it is where its input is bytes, or its opset too old", () => {
    const bytes = network(4, "uint8");
    assert.equal(hideShapes(bytes), bytes);
    const old = { ...network(4), opsetVersion: 9 };
    assert.equal(hideShapes(old), old);
  });
});
