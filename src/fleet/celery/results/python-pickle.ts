import { readPickle } from "../../../checkpoint/pickle/pickle-machine.ts";
import type { PickleValue } from "../../../checkpoint/pickle/pickle-values.ts";

/** Writes a JSON value as a pickle of protocol 2, the form of results in SQLAlchemy's tables. */
export function writePickle(value: unknown): Buffer {
  const parts: Buffer[] = [Buffer.from([0x80, 2])];
  write(value, parts);
  parts.push(Buffer.from("."));
  return Buffer.concat(parts);
}

function write(value: unknown, parts: Buffer[]): void {
  const put = (opcode: string) => parts.push(Buffer.from(opcode, "latin1"));
  if (value === null || value === undefined) put("N");
  else if (typeof value === "boolean") put(value ? "\x88" : "\x89");
  else if (typeof value === "number") parts.push(numberToPickle(value));
  else if (typeof value === "string") {
    const text = Buffer.from(value);
    const head = Buffer.from("X\0\0\0\0", "latin1");
    head.writeUInt32LE(text.length, 1);
    parts.push(head, text);
  } else if (Array.isArray(value)) {
    put("](");
    for (const item of value) write(item, parts);
    put("e");
  } else {
    put("}(");
    for (const [key, item] of Object.entries(value as object)) {
      write(key, parts);
      write(item, parts);
    }
    put("u");
  }
}

function numberToPickle(value: number): Buffer {
  if (!Number.isSafeInteger(value)) {
    const float = Buffer.alloc(9, "G");
    float.writeDoubleBE(value, 1);
    return float;
  }
  if (value === Math.trunc(value) && Math.abs(value) < 2 ** 31) {
    const int = Buffer.alloc(5, "J");
    int.writeInt32LE(value, 1);
    return int;
  }
  const long = Buffer.from("\x8a\x08\0\0\0\0\0\0\0\0", "latin1");
  long.writeBigInt64LE(BigInt(value), 2);
  return long;
}

/**
 * Reads a pickle from {@link writePickle}, or Python's pickle of plain data in protocol 2.
 *
 * @throws `CHECKPOINT_…` for any other
 */
export function readPickledJson(bytes: Buffer): unknown {
  const noReferences = () => {
    throw new TypeError("Expected a pickle without references to anything outside of it");
  };
  return toJson(readPickle(bytes, noReferences));
}

function toJson(value: PickleValue): unknown {
  if (value instanceof Map) {
    return Object.fromEntries(Array.from(value, ([key, item]) => [String(key), toJson(item)]));
  }
  if (Array.isArray(value)) return value.map((item) => toJson(item));
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  throw new TypeError("Expected a pickle of plain data");
}
