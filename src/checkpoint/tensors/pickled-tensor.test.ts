import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PickleProblem } from "../checkpoint-error.ts";
import { storage } from "../pickle/pickle-writer.fixture.ts";
import { PickledTensor } from "./pickled-tensor.ts";
import { type StorageElementType, TensorStorage } from "./tensor-storage.ts";

function storageOf(type: StorageElementType, values: readonly number[], misaligned = false) {
  const { bytes } = storage(type, values);
  const filled = new TensorStorage("0", type, values.length);
  filled.fill(misaligned ? Buffer.concat([Buffer.alloc(1), bytes]).subarray(1) : bytes);
  return filled;
}

const count = (length: number) => Array.from({ length }, (_, index) => index);

describe("a pickled tensor", () => {
  const rows: readonly {
    readonly name: string;
    readonly stored?: number;
    readonly offset?: number;
    readonly dims: readonly number[];
    readonly strides: readonly number[];
    readonly expected: readonly number[];
  }[] = [
    { name: "no elements", dims: [0], strides: [1], expected: [] },
    { name: "no elements along the last axis", dims: [3, 0], strides: [1, 1], expected: [] },
    { name: "no elements of no storage", stored: 0, dims: [0, 4], strides: [4, 1], expected: [] },
    { name: "a scalar", offset: 5, dims: [], strides: [], expected: [5] },
    { name: "row-major", offset: 1, dims: [2, 3], strides: [3, 1], expected: [1, 2, 3, 4, 5, 6] },
    { name: "transposed", dims: [3, 2], strides: [1, 3], expected: [0, 3, 1, 4, 2, 5] },
    { name: "every other", dims: [2, 2], strides: [6, 2], expected: [0, 2, 6, 8] },
    { name: "a column", offset: 2, dims: [3], strides: [4], expected: [2, 6, 10] },
    { name: "expanded", dims: [3, 2], strides: [0, 1], expected: [0, 1, 0, 1, 0, 1] },
    { name: "axes of 1 with any stride", dims: [1, 3, 1], strides: [9, 1, 7], expected: [0, 1, 2] },
    {
      name: "three axes turned",
      dims: [2, 2, 3],
      strides: [1, 6, 2],
      expected: [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11],
    },
  ];
  for (const { name, stored = 12, offset = 0, dims, strides, expected } of rows) {
    test(`${name}: is copied in row-major order`, () => {
      const tensor = new PickledTensor(storageOf("float32", count(stored)), {
        offset,
        dims,
        strides,
      });
      assert.deepEqual([...tensor.toFloat32()], expected);
      assert.equal(tensor.elementCount, expected.length);
    });
  }

  const types: readonly (readonly [StorageElementType, readonly number[]])[] = [
    ["float64", [0.5, -1e300, 3]],
    ["float32", [0.1, -2, Number.POSITIVE_INFINITY]],
    ["float16", [0.1, -65504, 2 ** -24]],
    ["bfloat16", [1.5, -(2 ** 100), 0]],
    ["int64", [-1, 2 ** 40, 3]],
    ["int32", [-1, 2 ** 30, 3]],
    ["int16", [-1, 300, 3]],
    ["int8", [-1, 127, 3]],
    ["uint8", [255, 0, 3]],
    ["bool", [1, 0, 1]],
  ];
  for (const [type, values] of types) {
    for (const misaligned of [false, true]) {
      test(`of ${type}${misaligned ? " at an odd address" : ""}: keeps its values`, () => {
        const tensor = new PickledTensor(storageOf(type, values, misaligned), {
          offset: 0,
          dims: [3],
          strides: [1],
        });
        const expected = type === "float16" ? [...Float16Array.from(values)] : values;
        assert.deepEqual([...tensor.toFloat32()], expected.map(Math.fround));
        assert.equal(tensor.elementType, type);
      });
    }
  }

  test("of integers is gathered across strides too", () => {
    const tensor = new PickledTensor(storageOf("int64", [1, 2, 3, 4]), {
      offset: 0,
      dims: [2, 2],
      strides: [1, 2],
    });
    assert.deepEqual([...tensor.toFloat32()], [1, 3, 2, 4]);
  });

  test("gives a copy: changing it changes nothing else", () => {
    const shared = storageOf("float32", [1, 2]);
    const view = { offset: 0, dims: [2], strides: [1] };
    new PickledTensor(shared, view).toFloat32()[0] = 9;
    assert.deepEqual([...new PickledTensor(shared, view).toFloat32()], [1, 2]);
  });

  for (const view of [
    { offset: 0, dims: [13], strides: [1] },
    { offset: 1, dims: [12], strides: [1] },
    { offset: 13, dims: [0], strides: [1] },
    { offset: 0, dims: [2, 6], strides: [7, 1] },
    { offset: 11, dims: [2], strides: [-1] },
    { offset: -1, dims: [1], strides: [1] },
    { offset: 0.5, dims: [1], strides: [1] },
    { offset: 0, dims: [-2], strides: [1] },
    { offset: 0, dims: [2], strides: [1, 1] },
    { offset: 0, dims: [2 ** 30, 2 ** 30], strides: [0, 0] },
    { offset: 0, dims: Array(17).fill(1), strides: Array(17).fill(1) },
  ]) {
    test(`refuses ${JSON.stringify(view).slice(0, 60)} of 12 elements`, () => {
      const twelve = storageOf("float32", count(12));
      assert.throws(() => new PickledTensor(twelve, view), PickleProblem);
    });
  }
});
