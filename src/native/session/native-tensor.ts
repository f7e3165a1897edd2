import koffi from "koffi";
import { OrangeryError } from "../../errors.ts";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { NativeObject, releaseWhenThreadEnds } from "../library/native-object.ts";
import type { ElementType, Tensor, TensorData } from "../runtime.ts";
import { noteTensor, releaseTensor } from "./left-tensors.ts";

/** `ONNXTensorElementDataType`, and how to view the memory. */
const elementTypes: {
  readonly [T in ElementType]: {
    readonly onnxType: number;
    readonly bytes: number;
    view(memory: ArrayBuffer): TensorData[T];
  };
} = {
  float32: { onnxType: 1, bytes: 4, view: (memory) => new Float32Array(memory) },
  uint8: { onnxType: 2, bytes: 1, view: (memory) => new Uint8Array(memory) },
  int64: { onnxType: 7, bytes: 8, view: (memory) => new BigInt64Array(memory) },
  float16: { onnxType: 10, bytes: 2, view: (memory) => new Float16Array(memory) },
};

/** Name of an `ONNXTensorElementDataType`: one of {@link ElementType}, else `onnx type N`. */
export function elementTypeName(onnxType: number): string {
  const known = Object.entries(elementTypes).find(([, entry]) => entry.onnxType === onnxType);
  return known?.[0] ?? `onnx type ${onnxType}`;
}

/**
 * A tensor in memory that ONNX Runtime owns. `data` views that memory without a copy, so what is
 * written there is what a run reads, and a thread that ends cannot take it from a run.
 */
export class NativeTensor<T extends ElementType = ElementType> implements Tensor<T> {
  readonly elementType: T;
  /** Extent of each dimension, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly #value: NativeObject;
  readonly #memory: ArrayBuffer;
  readonly #data: TensorData[T];

  /** Takes over the native value; used by {@link createTensor} and by runs for their outputs. */
  constructor(value: NativeObject, elementType: T, shape: readonly number[]) {
    const { bytes, view } = elementTypes[elementType];
    this.elementType = elementType;
    this.shape = Object.freeze([...shape]);
    this.#value = value;
    const length = elementCount(shape);
    // An empty tensor has no memory to view.
    this.#memory =
      length === 0 ? new ArrayBuffer(0) : koffi.view(dataAddress(value.address), length * bytes);
    this.#data = view(this.#memory);
    releaseWhenThreadEnds(value);
    noteTensor(value.address);
  }

  /**
   * The elements, row-major. After release the view has length 0, so a late read gives nothing
   * rather than freed memory.
   */
  get data(): TensorData[T] {
    return this.#data;
  }

  /** The owner of the native `OrtValue`, for runs. */
  get value(): NativeObject {
    return this.#value;
  }

  get disposed(): boolean {
    return this.#value.disposed;
  }

  /**
   * Empties `data` and gives the memory back, after the runs that use the tensor. Idempotent.
   */
  [Symbol.dispose](): void {
    if (this.#value.disposed) return;
    this.#memory.transfer(0);
    this.#value[Symbol.dispose]();
  }
}

/**
 * Allocates a tensor; its contents are undefined until they are written.
 *
 * @throws `INVALID_ARGUMENT` for an element type or shape that cannot be,
 *   `ORT_FAILED` when the memory cannot be had.
 */
export function createTensor<T extends ElementType>(
  elementType: T,
  shape: readonly number[],
): NativeTensor<T> {
  checkTensor(elementType, shape);
  const { api, allocator } = environment();
  const value: Out<Address | null> = [null];
  const dims = BigInt64Array.from(shape, BigInt);
  const { onnxType } = elementTypes[elementType];
  api.CreateTensorAsOrtValue(allocator, dims, dims.length, onnxType, value);
  return new NativeTensor(new NativeObject("tensor", value[0]!, releaseTensor), elementType, shape);
}

function checkTensor(elementType: ElementType, shape: readonly number[]): void {
  if (!Object.hasOwn(elementTypes, elementType)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected an element type of ${Object.keys(elementTypes).join(", ")}, ` +
        `got \`${elementType}\`.`,
    );
  }
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a shape of whole numbers from 0 up, got [${shape.join(", ")}].`,
    );
  }
}

/** Wraps an output value of a run, reading its type and shape from the library. */
export function adoptTensor(value: NativeObject): NativeTensor {
  const { api } = environment();
  const info: Out<Address | null> = [null];
  api.GetTensorTypeAndShape(value.address, info);
  try {
    const { onnxType, dims } = readTypeAndShape(info[0]!);
    const name = elementTypeName(onnxType);
    if (!Object.hasOwn(elementTypes, name)) {
      throw new OrangeryError(
        "ORT_FAILED",
        `Expected an output of element type ${Object.keys(elementTypes).join(", ")}, got ${name}.`,
        { details: { onnxType } },
      );
    }
    return new NativeTensor(value, name as ElementType, dims);
  } finally {
    api.ReleaseTensorTypeAndShapeInfo(info[0]!);
  }
}

/** Element type and extents of an `OrtTensorTypeAndShapeInfo`; -1 stands for a symbolic extent. */
export function readTypeAndShape(info: Address): { onnxType: number; dims: number[] } {
  const { api } = environment();
  const onnxType: Out<number> = [0];
  api.GetTensorElementType(info, onnxType);
  const rank: Out<number> = [0];
  api.GetDimensionsCount(info, rank);
  const dims = new BigInt64Array(rank[0]);
  api.GetDimensions(info, dims, dims.length);
  return { onnxType: onnxType[0], dims: Array.from(dims, Number) };
}

function dataAddress(value: Address): Address {
  const data: Out<Address | null> = [null];
  environment().api.GetTensorMutableData(value, data);
  return data[0]!;
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
