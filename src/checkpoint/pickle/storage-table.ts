import { PickleProblem, quote } from "../checkpoint-error.ts";
import { elementBytes, type StorageElementType, TensorStorage } from "../tensors/tensor-storage.ts";
import { PickledGlobal, PickledTuple, type PickleValue } from "./pickle-values.ts";

const elementTypes: ReadonlyMap<string, StorageElementType> = new Map([
  ["torch.DoubleStorage", "float64"],
  ["torch.FloatStorage", "float32"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ShortStorage", "int16"],
  ["torch.CharStorage", "int8"],
  ["torch.ByteStorage", "uint8"],
  ["torch.BoolStorage", "bool"],
]);

/** PyTorch's keys are small numbers. */
const maxKeyLength = 64;

/** The storages that a pickle names, each checked against its record in the archive. */
export class StorageTable {
  readonly #recordBytes: ((key: string) => number | undefined) | undefined;
  readonly #storages = new Map<string, TensorStorage>();

  /**
   * @param recordBytes Returns the size of a storage's record, undefined where there is none. By
   *   default the caller compares the records later.
   */
  constructor(recordBytes?: (key: string) => number | undefined) {
    this.#recordBytes = recordBytes;
  }

  get size(): number {
    return this.#storages.size;
  }

  get(key: string): TensorStorage | undefined {
    return this.#storages.get(key);
  }

  /**
   * Returns the storage of a persistent id: `("storage", class, key, device, number of elements)`,
   * followed by None in old files. The device is one of another machine, and does not matter here.
   *
   * @throws PickleProblem
   */
  load(id: PickleValue): TensorStorage {
    const items = id instanceof PickledTuple ? id.items : [];
    const [kind, type, key, , elementCount, part = null] = items;
    if (
      items.length < 5 ||
      items.length > 6 ||
      part !== null ||
      kind !== "storage" ||
      !(type instanceof PickledGlobal) ||
      typeof key !== "string" ||
      typeof elementCount !== "number"
    ) {
      throw new PickleProblem("expected (storage, class, key, device, number of elements)");
    }
    const elementType = elementTypes.get(type.qualifiedName);
    if (elementType === undefined) {
      throw new PickleProblem(`a storage of ${quote(type.qualifiedName)} is not understood`);
    }
    const storage = this.#storages.get(key) ?? this.#add(key, elementType, elementCount);
    if (storage.elementType !== elementType || storage.elementCount !== elementCount) {
      throw new PickleProblem(`storage ${quote(key)} is described in two ways`);
    }
    return storage;
  }

  #add(key: string, elementType: StorageElementType, elementCount: number): TensorStorage {
    const expected = elementCount * elementBytes[elementType];
    const byteLength = this.#recordBytes === undefined ? expected : this.#recordBytes(key);
    if (key.length > maxKeyLength || byteLength === undefined) {
      throw new PickleProblem(`storage ${quote(key)} is not in the archive`);
    }
    if (byteLength !== expected || !Number.isSafeInteger(expected) || expected < 0) {
      throw new PickleProblem(
        `storage ${quote(key)} has ${byteLength} bytes in the archive, which are not ` +
          `${elementCount} elements of ${elementType}`,
      );
    }
    const storage = new TensorStorage(key, elementType, elementCount);
    this.#storages.set(key, storage);
    return storage;
  }
}
