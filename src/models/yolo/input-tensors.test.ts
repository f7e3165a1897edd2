import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { InputTensors } from "./input-tensors.ts";

const network = { inputType: "float32", inputChannels: 3, inputLayout: "planes" } as const;
const rgb = { network };
const live = () => liveNativeObjects().tensor ?? 0;

describe("input tensors", () => {
  afterEach(() => assert.equal(live(), 0, "every tensor is released"));

  test("have the network's element type and channels, and the shape of one photo", () => {
    using float16 = new InputTensors(onnxRuntime, {
      network: { ...network, inputType: "float16", inputChannels: 1 },
    });
    using taken = float16.take([32, 64]);
    assert.deepEqual(taken.tensor.shape, [1, 1, 32, 64]);
    assert.ok(taken.tensor.data instanceof Float16Array);
  });

  test("are used again for the same size, and not for another", () => {
    using inputs = new InputTensors(onnxRuntime, rgb);
    const take = (size: [number, number]) => {
      using taken = inputs.take(size);
      return taken.tensor;
    };
    const first = take([32, 64]);
    assert.equal(take([32, 64]), first);
    assert.notEqual(take([64, 32]), first);
    assert.equal(take([32, 64]), first);
    assert.equal(live(), 2);
    using batch = inputs.take([32, 64], 4);
    assert.deepEqual(batch.tensor.shape, [4, 3, 32, 64]);
    const byPixel = { ...network, inputType: "uint8", inputLayout: "pixels" } as const;
    using pixels = new InputTensors(onnxRuntime, { network: byPixel });
    using bytes = pixels.take([32, 64], 4);
    assert.deepEqual(bytes.tensor.shape, [4, 32, 64, 3]);
  });

  test("have a batch that was run before, where a device prepares itself for each", () => {
    using inputs = new InputTensors(onnxRuntime, { ...rgb, reusesShapes: true });
    const batchOf = (wanted: number, size = [32, 32] as [number, number]) => {
      using taken = inputs.take(size, wanted);
      return taken.tensor.shape[0];
    };
    assert.deepEqual(
      [16, 9, 8, 7, 4, 3, 1].map((wanted) => batchOf(wanted)),
      [16, 16, 16, 7, 7, 3, 1],
    );
    assert.equal(batchOf(9, [64, 32]), 9);
    inputs.forgetShapes();
    assert.equal(batchOf(8), 8);
  });

  test("are one each for those who take at the same time", () => {
    using inputs = new InputTensors(onnxRuntime, rgb);
    using first = inputs.take([32, 32]);
    using second = inputs.take([32, 32]);
    assert.notEqual(first.tensor, second.tensor);
  });

  test("are kept two at most, the latest", () => {
    using inputs = new InputTensors(onnxRuntime, rgb);
    const taken = [32, 64, 96, 128].map((extent) => inputs.take([extent, extent]));
    assert.equal(live(), 4);
    for (const handle of taken) handle[Symbol.dispose]();
    assert.deepEqual(
      taken.map(({ tensor }) => tensor.disposed),
      [true, true, false, false],
    );
  });

  test("are let go when the memory is wanted, but for those in use", () => {
    using inputs = new InputTensors(onnxRuntime, rgb);
    using inUse = inputs.take([32, 32]);
    inputs.take([64, 64])[Symbol.dispose]();
    inputs.clear();
    assert.equal(live(), 1);
    assert.equal(inUse.tensor.disposed, false);
  });

  test("that are in use as their owner goes are released when they are given back", () => {
    const inputs = new InputTensors(onnxRuntime, rgb);
    const inUse = inputs.take([32, 32]);
    inputs[Symbol.dispose]();
    assert.equal(inUse.tensor.disposed, false);
    inUse[Symbol.dispose]();
    assert.equal(inUse.tensor.disposed, true);
  });
});
