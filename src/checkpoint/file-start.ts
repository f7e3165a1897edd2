import type { FileHandle } from "node:fs/promises";
import { fileStartBytes } from "../graph/onnx/file-signature.ts";

/** The bytes that tell what kind of file it is; all of a shorter one. */
export async function readFileStart(file: FileHandle): Promise<Buffer> {
  const start = Buffer.alloc(fileStartBytes);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return start.subarray(0, bytesRead);
}
