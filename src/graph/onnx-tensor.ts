import { OrangeryError } from "../errors.ts";
import type { OnnxDataType } from "./onnx-data-type.ts";
import type { OnnxTensor } from "./onnx-nodes.ts";

type Elements = Float32Array | Float16Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

/**
 * Creates a float32, float16, int64, int32, uint8 or int8 tensor over `elements`, without a copy.
 *
 * @throws `INVALID_ARGUMENT` when their number is not the product of `dims`
 */
export function createWeights(
  name: string,
  dims: readonly number[],
  elements: Elements,
): OnnxTensor {
  const expected = elementCount(dims);
  if (elements.length !== expected) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected ${expected} elements for tensor "${name}" of [${dims.join(", ")}], ` +
        `got ${elements.length}.`,
    );
  }
  return Object.freeze({
    name,
    elementType: elementTypeOf(elements),
    dims: Object.freeze([...dims]),
    // Little-endian, as ONNX wants it: so is every machine that Node and ONNX Runtime both run on.
    rawData: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
  });
}

/** Creates an int64 tensor of one axis, such as a shape. */
export function createIntegers(name: string, values: readonly number[]): OnnxTensor {
  return createWeights(name, [values.length], BigInt64Array.from(values, BigInt));
}

/** Returns the elements of a float32 tensor, copied only where their bytes are not aligned. */
export function floatsOf({ rawData }: Pick<OnnxTensor, "rawData">): Float32Array {
  const bytes = rawData.byteOffset % 4 === 0 ? rawData : Uint8Array.from(rawData);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** Whether a tensor of float32 has these extents and as many bytes as they need. */
export function hasFloats(tensor: OnnxTensor | undefined, dims: readonly number[]): boolean {
  return (
    tensor?.elementType === "float32" &&
    tensor.dims.length === dims.length &&
    tensor.dims.every((extent, axis) => extent === dims[axis]) &&
    tensor.rawData.length === 4 * elementCount(dims)
  );
}

/** Returns the elements of an int64 tensor. */
export function integersOf({ rawData }: Pick<OnnxTensor, "rawData">): number[] {
  return Array.from(new BigInt64Array(Uint8Array.from(rawData).buffer), Number);
}

/** Returns the number of elements of a tensor of these sizes; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

function elementTypeOf(elements: Elements): OnnxDataType {
  if (elements instanceof Float32Array) return "float32";
  if (elements instanceof Float16Array) return "float16";
  if (elements instanceof BigInt64Array) return "int64";
  if (elements instanceof Int32Array) return "int32";
  return elements instanceof Int8Array ? "int8" : "uint8";
}
