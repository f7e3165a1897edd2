import { PickledObject, type PickleValue } from "./pickle-values.ts";

/** Readers of a number's bytes, by numpy's letter and size. */
const readers = new Map<PickleValue, (bytes: DataView) => number | bigint | boolean>([
  ["b1", (bytes) => bytes.getUint8(0) !== 0],
  ["i1", (bytes) => bytes.getInt8(0)],
  ["i2", (bytes) => bytes.getInt16(0, true)],
  ["i4", (bytes) => bytes.getInt32(0, true)],
  ["i8", (bytes) => plain(bytes.getBigInt64(0, true))],
  ["u1", (bytes) => bytes.getUint8(0)],
  ["u2", (bytes) => bytes.getUint16(0, true)],
  ["u4", (bytes) => bytes.getUint32(0, true)],
  ["u8", (bytes) => plain(bytes.getBigUint64(0, true))],
  ["f2", (bytes) => bytes.getFloat16(0, true)],
  ["f4", (bytes) => bytes.getFloat32(0, true)],
  ["f8", (bytes) => bytes.getFloat64(0, true)],
]);

/**
 * Returns the number of a numpy scalar, which is pickled as `scalar(dtype("f8"), bytes)`;
 * undefined for anything else. Settings and metrics of a training are often numpy's.
 */
export function numpyScalar([dtype, bytes]: readonly PickleValue[]):
  | number
  | bigint
  | boolean
  | undefined {
  const [type] = argsOf(dtype, "numpy.dtype");
  // Protocol 2 has no bytes: they are written as text to be encoded.
  const [text, encoding] = argsOf(bytes, "_codecs.encode");
  const reader = readers.get(type ?? null);
  if (reader === undefined || typeof text !== "string" || encoding !== "latin1") return undefined;
  // Before it is encoded: a pickle can share one long text among many numbers.
  if (`${text.length}` !== (type as string).slice(1)) return undefined;
  const { buffer, byteOffset, byteLength } = Buffer.from(text, "latin1");
  return reader(new DataView(buffer, byteOffset, byteLength));
}

function argsOf(value: PickleValue | undefined, className: string): readonly PickleValue[] {
  return value instanceof PickledObject && value.className === className ? value.args : [];
}

function plain(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
