import type { FileHandle } from "node:fs/promises";
import { damaged, otherByteOrder, quote, tooLarge } from "./checkpoint-error.ts";
import { pickleLimits, readPickleAt } from "./pickle/pickle-machine.ts";
import { PickledGlobal, PickledTuple, type PickleValue } from "./pickle/pickle-values.ts";
import { StorageTable } from "./pickle/storage-table.ts";
import type { PickledFile } from "./pickled-file.ts";
import { readExactly } from "./read-exactly.ts";
import { elementBytes, type TensorStorage } from "./tensors/tensor-storage.ts";
import { maxStoredBytes } from "./tensors/weight-limit.ts";

/** The number of elements stands before each storage. */
const countBytes = 8;

const legacyProtocol = 1001;

/**
 * Reads the form that PyTorch wrote before version 1.6, and still writes on request. It has five
 * pickles: a magic number, the protocol, the machine's byte order, the value, and the keys of the
 * storages. The storages follow in the order of the keys.
 */
export async function readLegacyCheckpoint(
  file: FileHandle,
  fileBytes: number,
): Promise<PickledFile> {
  const pickles = await readExactly(file, 0, Math.min(fileBytes, pickleLimits.bytes));
  let at = 0;
  const next = (load: (id: PickleValue) => PickleValue = noStorage) => {
    const { value, end } = readPickleAt(pickles, at, load);
    at = end;
    return value;
  };
  next();
  if (next() !== legacyProtocol) throw damaged(`Expected protocol ${legacyProtocol}`);
  checkByteOrder(next());
  const table = new StorageTable();
  const root = next((id) => moduleOf(id) ?? table.load(id));
  const places = placesOf(next(), { table, start: at, fileBytes });
  return {
    root,
    async fill(storages, signal) {
      const placeOf = ({ key }: TensorStorage) => places.get(key)!;
      const inOrder = [...storages].sort((a, b) => placeOf(a) - placeOf(b));
      const bytes = inOrder.reduce((sum, storage) => sum + bytesOf(storage), 0);
      if (bytes > maxStoredBytes) {
        throw tooLarge(`It has ${bytes} bytes to read; the limit is ${maxStoredBytes}`);
      }
      for (const storage of inOrder) {
        signal?.throwIfAborted();
        await fillFrom(file, storage, placeOf(storage));
      }
    },
  };
}

function noStorage(): never {
  throw damaged("A storage stands where none can be");
}

function checkByteOrder(system: PickleValue): void {
  if (!(system instanceof Map)) throw damaged("Expected a dict of the machine that saved it");
  if (system.get("little_endian") !== true) throw otherByteOrder("`big`");
}

/** Returns the class of `("module", class, file, source)`, as classes of modules are written. */
function moduleOf(id: PickleValue): PickledGlobal | undefined {
  const [kind, type, ...source] = id instanceof PickledTuple ? id.items : [];
  return kind === "module" && type instanceof PickledGlobal && source.length === 2
    ? type
    : undefined;
}

/** Returns where each storage begins in the file, by its key. */
function placesOf(
  keys: PickleValue,
  {
    table,
    start,
    fileBytes,
  }: { readonly table: StorageTable; readonly start: number; readonly fileBytes: number },
): ReadonlyMap<string, number> {
  if (!Array.isArray(keys)) throw damaged("Expected a list of storages");
  const places = new Map<string, number>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === "string" ? table.get(key) : undefined;
    if (storage === undefined || places.has(storage.key)) {
      throw damaged("The list of storages does not agree with the tensors");
    }
    places.set(storage.key, at);
    at += countBytes + bytesOf(storage);
  }
  if (places.size !== table.size) throw damaged("The list of storages is too short");
  if (at !== fileBytes) {
    throw damaged(`Expected a file of ${at} bytes, got ${fileBytes}`);
  }
  return places;
}

function bytesOf({ elementCount, elementType }: TensorStorage): number {
  return elementCount * elementBytes[elementType];
}

async function fillFrom(file: FileHandle, storage: TensorStorage, start: number): Promise<void> {
  const record = await readExactly(file, start, countBytes + bytesOf(storage));
  const count = record.readBigUInt64LE(0);
  if (count !== BigInt(storage.elementCount)) {
    throw damaged(
      `Storage ${quote(storage.key)} has ${count} numbers and not ${storage.elementCount}`,
    );
  }
  storage.fill(record.subarray(countBytes));
}
