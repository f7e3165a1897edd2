import type { FileHandle } from "node:fs/promises";
import { FILE_START_BYTES } from "../graph/onnx/file-signature.ts";

/** The bytes that tell what kind of file it is; all of a shorter one. */
export async function readFileStart(file: FileHandle): Promise<Buffer> {
  const start = Buffer.alloc(FILE_START_BYTES);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return start.subarray(0, bytesRead);
}
