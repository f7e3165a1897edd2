import type { CheckpointForm } from "../checkpoint-form.ts";
import type { StorageElementType } from "../tensors/tensor-storage.ts";
import { opcodes } from "./pickle-opcodes.ts";

/**
 * What can be written: null, booleans, numbers, text, lists (arrays), dicts (Maps), sets of text,
 * and what the functions of this file make. Something that stands in two places is written once
 * and referred to, as Python does.
 */
export type Writable =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Writable[]
  | ReadonlyMap<Writable, Writable>
  | ReadonlySet<string>
  | Written;

/** Something with a form of its own in a pickle. */
export interface Written {
  writeTo(pickle: PickleWriter): void;
}

/** A dict with text for keys. */
export function dict(entries: Readonly<Record<string, Writable>>): Map<Writable, Writable> {
  return new Map(Object.entries(entries));
}

/** A dict as many of a module's are: made by a call. */
export function orderedDict(entries: ReadonlyMap<Writable, Writable>): Written {
  return {
    writeTo(pickle) {
      pickle.call(global("collections.OrderedDict"), []);
      pickle.setItems(entries);
    },
  };
}

export function tuple(...items: readonly Writable[]): Written {
  return { writeTo: (pickle) => pickle.tuple(items) };
}

/** A float, although it is a whole number. */
export function float(value: number): Written {
  return { writeTo: (pickle) => pickle.float(value) };
}

/** A class or function by its full name. */
export function global(qualifiedName: string): Written {
  const dot = qualifiedName.lastIndexOf(".");
  const [module, name] = [qualifiedName.slice(0, dot), qualifiedName.slice(dot + 1)];
  const bytes = Buffer.from([opcodes.GLOBAL, ...Buffer.from(`${module}\n${name}\n`)]);
  return { writeTo: (pickle) => pickle.bytes(bytes) };
}

/** An object of a class, with its `__dict__`. */
export function object(className: string, state: Readonly<Record<string, Writable>> = {}): Written {
  const type = global(className);
  const entries = dict(state);
  return {
    writeTo(pickle) {
      if (pickle.isLegacy) pickle.persistent("module", type, "modules.py", "class Module: ...");
      else pickle.write(type);
      pickle.opcode(opcodes.EMPTY_TUPLE);
      pickle.opcode(opcodes.NEWOBJ);
      pickle.remember(this);
      pickle.write(entries);
      pickle.opcode(opcodes.BUILD);
    },
  };
}

/** The result of calling a class or function. */
export function call(qualifiedName: string, ...args: readonly Writable[]): Written {
  return { writeTo: (pickle) => pickle.call(global(qualifiedName), args) };
}

/** Something that is given a state after it is made. */
export function built(value: Writable, state: Writable): Written {
  return {
    writeTo(pickle) {
      pickle.write(value);
      pickle.write(state);
      pickle.opcode(opcodes.BUILD);
    },
  };
}

/** Opcodes as they are, which leave one value on the stack. */
export function opcodeBytes(bytes: Uint8Array): Written {
  return { writeTo: (pickle) => pickle.bytes(bytes) };
}

/** Numbers that tensors are views of: a record of its own in the archive. */
export interface WrittenStorage extends Written {
  readonly elementType: StorageElementType;
  readonly elementCount: number;
  readonly bytes: Buffer;
}

export function storage(
  elementType: StorageElementType,
  values: readonly number[] | Float32Array,
): WrittenStorage {
  const bytes = encode(elementType, values);
  return {
    elementType,
    elementCount: values.length,
    bytes,
    writeTo(pickle) {
      const key = pickle.keyOf(this);
      const type = global(storageClasses[elementType]);
      const parts = pickle.isLegacy ? [null] : [];
      pickle.persistent("storage", type, key, "cpu", values.length, ...parts);
    },
  };
}

/** A tensor in row-major order over a storage of its own. */
export function tensor(
  elementType: StorageElementType,
  dims: readonly number[],
  values: readonly number[] | Float32Array,
): Written {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((a, b) => a * b, 1));
  return view(storage(elementType, values), { dims, strides });
}

/** A tensor over a storage that others may share. */
export function view(
  of: Writable,
  {
    offset = 0,
    dims,
    strides,
  }: {
    readonly offset?: number;
    readonly dims: readonly number[];
    readonly strides: readonly number[];
  },
): Written {
  return call(
    "torch._utils._rebuild_tensor_v2",
    of,
    offset,
    tuple(...dims),
    tuple(...strides),
    false,
    orderedDict(new Map()),
  );
}

/** What a module holds in `_parameters`. */
export function parameter(of: Writable): Written {
  return call("torch._utils._rebuild_parameter", of, true, orderedDict(new Map()));
}

/**
 * Pickles a value, protocol 2; returns the storages that it names, too, in the order of their
 * keys.
 *
 * @param form Of the file that the pickle is for.
 */
export function writePickle(
  value: Writable,
  form: CheckpointForm = "zip",
): { bytes: Buffer; storages: WrittenStorage[] } {
  const pickle = new PickleWriter(form);
  pickle.bytes(Buffer.from([opcodes.PROTO, 2]));
  pickle.write(value);
  pickle.opcode(opcodes.STOP);
  return { bytes: pickle.concat(), storages: pickle.storages };
}

export class PickleWriter {
  readonly storages: WrittenStorage[] = [];
  readonly isLegacy: boolean;
  readonly #memo = new Map<unknown, number>();

  /** Grows by doubling: some pickles have millions of opcodes. */
  #written = Buffer.allocUnsafe(1 << 14);
  #length = 0;

  constructor(form: CheckpointForm) {
    this.isLegacy = form === "legacy";
  }

  concat(): Buffer {
    return Buffer.from(this.#written.subarray(0, this.#length));
  }

  bytes(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#reserve(part.length);
      this.#written.set(part, this.#length);
      this.#length += part.length;
    }
  }

  opcode(opcode: number): void {
    this.#reserve(1);
    this.#written[this.#length++] = opcode;
  }

  write(value: Writable): void {
    const place = this.#memo.get(value);
    if (place !== undefined) this.#withUint32(opcodes.LONG_BINGET, place);
    else if (typeof value === "object" && value !== null) this.#writeObject(value);
    else this.#writeScalar(value);
  }

  remember(value: unknown): void {
    if (this.#memo.has(value)) return;
    const place = this.#memo.size;
    this.#memo.set(value, place);
    this.#withUint32(opcodes.LONG_BINPUT, place);
  }

  keyOf(storage: WrittenStorage): string {
    const known = this.storages.indexOf(storage);
    return String(known < 0 ? this.storages.push(storage) - 1 : known);
  }

  persistent(...id: readonly Writable[]): void {
    this.tuple(id);
    this.opcode(opcodes.BINPERSID);
  }

  tuple(items: readonly Writable[]): void {
    const small = [opcodes.EMPTY_TUPLE, opcodes.TUPLE1, opcodes.TUPLE2, opcodes.TUPLE3];
    if (items.length > 3) this.opcode(opcodes.MARK);
    for (const item of items) this.write(item);
    this.opcode(small[items.length] ?? opcodes.TUPLE);
  }

  call(callee: Writable, args: readonly Writable[]): void {
    this.write(callee);
    this.tuple(args);
    this.opcode(opcodes.REDUCE);
  }

  setItems(entries: ReadonlyMap<Writable, Writable>): void {
    if (entries.size === 0) return;
    this.opcode(opcodes.MARK);
    for (const [key, value] of entries) {
      this.write(key);
      this.write(value);
    }
    this.opcode(opcodes.SETITEMS);
  }

  float(value: number): void {
    const bytes = Buffer.alloc(9, opcodes.BINFLOAT);
    bytes.writeDoubleBE(value, 1);
    this.bytes(bytes);
  }

  #writeObject(value: Extract<Writable, object>): void {
    if (value instanceof Map) {
      this.opcode(opcodes.EMPTY_DICT);
      this.remember(value);
      this.setItems(value);
    } else if (Array.isArray(value)) {
      this.#writeList(value);
    } else if (value instanceof Set) {
      this.call(global("__builtin__.set"), [[...value]]);
      this.remember(value);
    } else {
      (value as Written).writeTo(this);
      this.remember(value);
    }
  }

  #writeList(items: readonly Writable[]): void {
    this.opcode(opcodes.EMPTY_LIST);
    this.remember(items);
    if (items.length === 0) return;
    this.opcode(opcodes.MARK);
    for (const item of items) this.write(item);
    this.opcode(opcodes.APPENDS);
  }

  #writeScalar(value: null | boolean | number | bigint | string): void {
    if (value === null) this.opcode(opcodes.NONE);
    else if (typeof value === "boolean") {
      this.opcode(value ? opcodes.NEWTRUE : opcodes.NEWFALSE);
    } else if (typeof value === "string") {
      const text = Buffer.from(value);
      this.#withUint32(opcodes.BINUNICODE, text.length);
      this.bytes(text);
      this.remember(value);
    } else if (typeof value === "number" && !Number.isSafeInteger(value)) {
      this.float(value);
    } else {
      this.#writeInteger(value);
    }
  }

  #writeInteger(value: number | bigint): void {
    if (value >= -(2 ** 31) && value < 2 ** 31) {
      this.#withUint32(opcodes.BININT, Number(value) >>> 0);
      return;
    }
    const bytes = Buffer.alloc(18);
    bytes.set([opcodes.LONG1, 16]);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 2);
    bytes.writeBigInt64LE(BigInt(value) >> 64n, 10);
    this.bytes(bytes);
  }

  #withUint32(opcode: number, value: number): void {
    this.opcode(opcode);
    this.#reserve(4);
    this.#length = this.#written.writeUInt32LE(value, this.#length);
  }

  #reserve(byteLength: number): void {
    const needed = this.#length + byteLength;
    if (needed <= this.#written.length) return;
    const larger = Buffer.allocUnsafe(2 * needed);
    larger.set(this.#written.subarray(0, this.#length));
    this.#written = larger;
  }
}

const storageClasses: Readonly<Record<StorageElementType, string>> = {
  float64: "torch.DoubleStorage",
  float32: "torch.FloatStorage",
  float16: "torch.HalfStorage",
  bfloat16: "torch.BFloat16Storage",
  int64: "torch.LongStorage",
  int32: "torch.IntStorage",
  int16: "torch.ShortStorage",
  int8: "torch.CharStorage",
  uint8: "torch.ByteStorage",
  bool: "torch.BoolStorage",
};

function encode(type: StorageElementType, values: readonly number[] | Float32Array): Buffer {
  const arrays: Readonly<Record<StorageElementType, () => ArrayBufferView>> = {
    float64: () => Float64Array.from(values),
    float32: () => Float32Array.from(values),
    float16: () => Float16Array.from(values),
    bfloat16: () =>
      Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), (bits) => bits >>> 16),
    int64: () => BigInt64Array.from([...values].map(BigInt)),
    int32: () => Int32Array.from(values),
    int16: () => Int16Array.from(values),
    int8: () => Int8Array.from(values),
    uint8: () => Uint8Array.from(values),
    bool: () => Uint8Array.from(values),
  };
  const { buffer, byteOffset, byteLength } = arrays[type]();
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
