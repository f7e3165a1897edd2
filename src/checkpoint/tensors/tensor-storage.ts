/** The type of a storage's elements, by its name in ONNX. */
export type StorageElementType =
  | "float64"
  | "float32"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

export const elementBytes: Readonly<Record<StorageElementType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** A run of numbers in a checkpoint, of which tensors are views. */
export class TensorStorage {
  /** In an archive its record is `<prefix>/data/<key>`. */
  readonly key: string;
  readonly elementType: StorageElementType;
  readonly elementCount: number;
  #elements: StorageElements | undefined;

  constructor(key: string, elementType: StorageElementType, elementCount: number) {
    this.key = key;
    this.elementType = elementType;
    this.elementCount = elementCount;
  }

  /** Sets the elements, little-endian; they are copied only where they are not aligned. */
  fill(bytes: Uint8Array): void {
    this.#elements = readers[this.elementType](aligned(bytes, elementBytes[this.elementType]));
  }

  /** All elements. Tensors share them: they must not be written to. */
  get elements(): StorageElements {
    if (this.#elements === undefined) throw new Error(`storage ${this.key} has not been read`);
    return this.#elements;
  }
}

/** For a type that JavaScript has no array of, an array of one that holds its values. */
export type StorageElements =
  | Float64Array
  | Float32Array
  | Float16Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** Copies bytes that no typed array can begin at; PyTorch's own are aligned. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : Uint8Array.from(bytes);
}

// Little-endian, as the file is: so is every machine that Node and ONNX Runtime both run on.
const readers: Readonly<Record<StorageElementType, (bytes: Uint8Array) => StorageElements>> = {
  float64: ({ buffer, byteOffset, length }) => new Float64Array(buffer, byteOffset, length / 8),
  float32: ({ buffer, byteOffset, length }) => new Float32Array(buffer, byteOffset, length / 4),
  float16: ({ buffer, byteOffset, length }) => new Float16Array(buffer, byteOffset, length / 2),
  bfloat16: widenBfloat16,
  int64: narrowInt64,
  int32: ({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length / 4),
  int16: ({ buffer, byteOffset, length }) => new Int16Array(buffer, byteOffset, length / 2),
  int8: ({ buffer, byteOffset, length }) => new Int8Array(buffer, byteOffset, length),
  uint8: (bytes) => bytes,
  bool: (bytes) => bytes,
};

/** A bfloat16 is the upper half of a float32. */
function widenBfloat16({ buffer, byteOffset, length }: Uint8Array): Float32Array {
  const halves = new Uint16Array(buffer, byteOffset, length / 2);
  const bits = new Uint32Array(halves.length);
  for (let index = 0; index < bits.length; index++) bits[index] = halves[index]! << 16;
  return new Float32Array(bits.buffer);
}

/** Exact up to 2^53. By way of BigInt it takes twenty times as long. */
function narrowInt64({ buffer, byteOffset, length }: Uint8Array): Float64Array {
  const low = new Uint32Array(buffer, byteOffset, length / 4);
  const high = new Int32Array(buffer, byteOffset, length / 4);
  const values = new Float64Array(length / 8);
  for (let index = 0; index < values.length; index++) {
    values[index] = high[2 * index + 1]! * 2 ** 32 + low[2 * index]!;
  }
  return values;
}
