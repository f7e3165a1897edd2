import { PickleProblem, quote } from "../checkpoint-error.ts";
import type { StorageElements, StorageElementType, TensorStorage } from "./tensor-storage.ts";

/** The elements of a storage that a tensor has. Offset and strides are in elements. */
export interface StorageView {
  readonly offset: number;
  readonly dims: readonly number[];
  readonly strides: readonly number[];
}

/** A convolution's weights have 4. PyTorch allows 64. */
const maxRank = 16;

/** A tensor of a checkpoint: a view of a storage, which is converted on request. */
export class PickledTensor {
  readonly storage: TensorStorage;
  readonly dims: readonly number[];
  /** Product of `dims`, a safe integer; with strides of 0, more than the storage has. */
  readonly elementCount: number;
  readonly #offset: number;
  readonly #strides: readonly number[];

  /** @throws PickleProblem for a view beyond its storage */
  constructor(storage: TensorStorage, view: StorageView) {
    this.storage = storage;
    this.dims = view.dims;
    this.elementCount = checkView(view, storage);
    this.#offset = view.offset;
    this.#strides = view.strides;
  }

  get elementType(): StorageElementType {
    return this.storage.elementType;
  }

  /**
   * Copies the elements in row-major order. Integers beyond 2^24 are rounded; weights of float16
   * keep their exact values.
   */
  toFloat32(): Float32Array<ArrayBuffer> {
    const { elements } = this.storage;
    if (!this.#isRowMajor()) return this.#gather(elements);
    // 20 million float16 take 30 ms this way; a table of all 65,536 values is no faster.
    return new Float32Array(elements.subarray(this.#offset, this.#offset + this.elementCount));
  }

  #isRowMajor(): boolean {
    let expected = 1;
    for (let axis = this.dims.length - 1; axis >= 0; axis--) {
      const dim = this.dims[axis]!;
      if (dim !== 1 && this.#strides[axis] !== expected) return dim === 0;
      expected *= dim;
    }
    return true;
  }

  /** Walks the view like an odometer, with its last axis in an inner loop. */
  #gather(elements: StorageElements): Float32Array<ArrayBuffer> {
    const result = new Float32Array(this.elementCount);
    if (result.length === 0) return result;
    const lastAxis = this.dims.length - 1;
    const rowLength = this.dims[lastAxis]!;
    const rowStride = this.#strides[lastAxis]!;
    const position = this.dims.map(() => 0);
    let rowStart = this.#offset;
    for (let filled = 0; filled < result.length; filled += rowLength) {
      for (let index = 0; index < rowLength; index++) {
        result[filled + index] = elements[rowStart + index * rowStride]!;
      }
      rowStart = this.#nextRow(position, rowStart);
    }
    return result;
  }

  /** Advances `position` to the next row; returns where in the storage that begins. */
  #nextRow(position: number[], rowStart: number): number {
    let start = rowStart;
    for (let axis = position.length - 2; axis >= 0; axis--) {
      position[axis]!++;
      start += this.#strides[axis]!;
      if (position[axis]! < this.dims[axis]!) return start;
      start -= this.#strides[axis]! * this.dims[axis]!;
      position[axis] = 0;
    }
    return start;
  }
}

/** Returns the number of elements of a view that stays inside its storage. */
function checkView({ offset, dims, strides }: StorageView, storage: TensorStorage): number {
  // Checked first: a pickle can share one long tuple among a million tensors.
  if (dims.length > maxRank || dims.length !== strides.length) {
    throw new PickleProblem(
      `a tensor has ${dims.length} sizes and ${strides.length} strides; ` +
        `expected as many strides as sizes, and ${maxRank} at most`,
    );
  }
  if (![offset, ...dims, ...strides].every(isNatural)) {
    throw new PickleProblem("a tensor's offset, sizes and strides must be whole numbers from 0 on");
  }
  const count = dims.reduce((product, dim) => product * dim, 1);
  const last = dims.reduce((sum, dim, axis) => sum + (dim - 1) * strides[axis]!, offset);
  const end = count === 0 ? offset : last + 1;
  if (!Number.isSafeInteger(count) || !(end <= storage.elementCount)) {
    throw new PickleProblem(
      `a tensor of size [${dims.join(", ")}], stride [${strides.join(", ")}] and ` +
        `offset ${offset} is no view of storage ${quote(storage.key)}, ` +
        `which has ${storage.elementCount} elements`,
    );
  }
  return count;
}

function isNatural(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
