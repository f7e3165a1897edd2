import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inputKey } from "../byte-input.ts";
import { serializeModel } from "../onnx/model-writer.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { RunnableModel } from "../run-model.fixture.ts";
import { headKey, moveToDevice } from "./device-network.ts";
import { buildYolo11 } from "./yolo11.fixture.ts";

const side = 64;
const bytes = Uint8Array.from({ length: 3 * side ** 2 }, (_, index) => (index * 7919) % 256);
/** The same pictures, in planes. */
const floats = Float32Array.from(bytes, (_, index) => {
  const [plane, pixel] = [Math.floor(index / side ** 2), index % side ** 2];
  return Math.fround(bytes[3 * pixel + plane]! / 255);
});

function small(task: "detect" | "segment", classCount: number): OnnxModel {
  return buildYolo11({ scale: "n", task, classCount, imageSize: side, seed: 3, narrow: true });
}

async function run(model: OnnxModel, data: Uint8Array | Float32Array) {
  await using runnable = await RunnableModel.open(serializeModel(model));
  const dims = data === bytes ? [1, side, side, 3] : [1, 3, side, side];
  return await runnable.run({ images: { data, dims } });
}

describe("a network whose work is moved to a device", () => {
  for (const task of ["detect", "segment"] as const) {
    test(`returns each anchor's best class and score, and the rest as it was: ${task}`, async () => {
      const classCount = 5;
      const model = small(task, classCount);
      const moved = moveToDevice(model);
      const { output0: all, output1: masks } = await run(model, floats);
      const { output0: best, output1: movedMasks } = await run(moved, bytes);
      const [, channels, anchors] = all!.dims as [number, number, number];
      assert.deepEqual(best!.dims, [1, channels - classCount + 2, anchors]);
      assert.deepEqual(moved.graph.outputs[0]!.dims, best!.dims);
      assert.equal(moved.metadata.get(headKey), "best-class");
      assert.equal(moved.metadata.get(inputKey), "pixels");
      const row = ({ data }: { data: ArrayLike<number> }, index: number) =>
        Array.from(data).slice(index * anchors, (index + 1) * anchors);
      const scores = Array.from({ length: classCount }, (_, id) => row(all!, 4 + id));
      const expected = Array.from({ length: anchors }, (_, anchor) => {
        const own = scores.map((values) => values[anchor]!);
        return [Math.max(...own), own.indexOf(Math.max(...own))];
      });
      assert.deepEqual(
        row(best!, 4),
        expected.map(([score]) => score),
      );
      assert.deepEqual(
        row(best!, 5),
        expected.map(([, id]) => id),
      );
      for (let index = 0; index < 4; index++) assert.deepEqual(row(best!, index), row(all!, index));
      for (let index = 6; index < best!.dims[1]!; index++) {
        assert.deepEqual(row(best!, index), row(all!, index + classCount - 2));
      }
      assert.deepEqual(movedMasks, masks);
    });
  }

  test("takes bytes and keeps its output where no more than two classes are left out", () => {
    const moved = moveToDevice(small("detect", 2));
    const { elementType, dims } = moved.graph.inputs[0]!;
    assert.deepEqual([elementType, dims], ["uint8", [1, side, side, 3]]);
    assert.deepEqual(moved.graph.outputs, small("detect", 2).graph.outputs);
    assert.equal(moved.metadata.has(headKey), false);
  });
});
