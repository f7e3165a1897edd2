import type { FileHandle } from "node:fs/promises";
import { damaged } from "./checkpoint-error.ts";

/** PyTorch's alignment of data in an archive, which reads keep in memory. */
const alignmentBytes = 64;

/** Reads a part of a file, aligned in memory as it is in the file. */
export async function readExactly(
  file: FileHandle,
  start: number,
  byteLength: number,
): Promise<Buffer> {
  const lead = start % alignmentBytes;
  const bytes = Buffer.allocUnsafeSlow(lead + byteLength).subarray(lead);
  let filled = 0;
  while (filled < byteLength) {
    const { bytesRead } = await file.read(bytes, filled, byteLength - filled, start + filled);
    if (bytesRead === 0) throw damaged("The file ended while it was read");
    filled += bytesRead;
  }
  return bytes;
}
