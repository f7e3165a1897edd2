import type { FileHandle } from "node:fs/promises";

/** Tag and length, each a number of at most ten bytes. */
const headBytes = 20;
/** Of onnx.proto. */
const graphField = 7;
const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * Finds how many bytes an ONNX file has at the least, by the lengths of its outermost fields, of
 * which the graph is one. A file that is cut off has fewer; undefined where it is no such file.
 */
export async function leastOnnxBytes(file: FileHandle, bytes: number): Promise<number | undefined> {
  const head = Buffer.alloc(headBytes);
  let at = 0;
  let hasGraph = false;
  while (at < bytes) {
    const { bytesRead } = await file.read(head, 0, headBytes, at);
    const tag = readVarint(head.subarray(0, bytesRead), 0);
    if (tag === undefined) return undefined;
    const value = readVarint(head.subarray(0, bytesRead), tag.end);
    const type = tag.value % 8;
    hasGraph ||= tag.value >> 3 === graphField;
    if (type === wireType.fixed32) at += tag.end + 4;
    else if (type === wireType.fixed64) at += tag.end + 8;
    // A number that is cut off itself is one byte longer at the least.
    else if (value === undefined) return bytes + 1;
    else if (type === wireType.varint) at += value.end;
    else if (type === wireType.bytes) at += value.end + value.value;
    else return undefined;
  }
  return hasGraph ? at : bytes + 1;
}

/** Reads a number of a protobuf message; undefined where it is cut off. */
export function readVarint(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = start; i < Math.min(bytes.length, start + 10); i++) {
    // Not by shifting, which ends at 32 bits.
    value += (bytes[i]! & 0x7f) * 128 ** (i - start);
    if (bytes[i]! < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}
