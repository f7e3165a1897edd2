import type { FileHandle } from "node:fs/promises";

/**
 * Kinds of file that are often mistaken for others, by their first bytes. The first match counts.
 */
const kinds: readonly { readonly at: number; readonly begins: string; readonly kind: string }[] = [
  { at: 0, begins: "PK\x03\x04", kind: "a zip archive, as a .pt checkpoint is" },
  { at: 4, begins: "ORTM", kind: "a model in ONNX Runtime's own .ort format" },
  { at: 4, begins: "TFL3", kind: "a TensorFlow Lite model" },
  { at: 0, begins: "version https://git-lfs", kind: "a Git LFS pointer without its file" },
  { at: 0, begins: "\x89PNG", kind: "a PNG picture" },
  { at: 0, begins: "\xff\xd8\xff", kind: "a JPEG picture" },
  { at: 0, begins: "GIF8", kind: "a GIF picture" },
  { at: 4, begins: "jP  ", kind: "a JPEG 2000 picture" },
  { at: 0, begins: "%PDF", kind: "a PDF document" },
  { at: 4, begins: "ftypheic", kind: "a HEIC picture" },
  { at: 4, begins: "ftypmif1", kind: "a HEIF picture" },
  { at: 4, begins: "ftypavis", kind: "an animation in AVIF" },
  { at: 4, begins: "ftyp", kind: "a video, or another file in MP4's container" },
  { at: 0, begins: "<svg", kind: "an SVG drawing" },
  { at: 0, begins: "\x80\x02", kind: "a Python pickle" },
  { at: 0, begins: "\x1f\x8b", kind: "a gzip archive" },
  { at: 0, begins: "<", kind: "an HTML or XML page" },
  { at: 0, begins: "{", kind: "JSON text" },
];

const startBytes = 64;

/** Reads the first bytes of a file, enough to recognise its kind; all of a shorter file. */
export async function readFileStart(file: FileHandle): Promise<Buffer> {
  const start = Buffer.alloc(startBytes);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return start.subarray(0, bytesRead);
}

/** Whether a file begins as an ONNX model does, with the field of its version. */
export function beginsAsOnnx(bytes: Uint8Array): boolean {
  return bytes[0] === 0x08;
}

/**
 * Describes what a file seems to be, for messages: its kind, or its size and how it begins.
 *
 * @param bytes The file, or its start when `totalBytes` is its size.
 */
export function describeFile(bytes: Uint8Array, totalBytes: number = bytes.length): string {
  if (bytes.length === 0) return "an empty file";
  const start = String.fromCharCode(...bytes.subarray(0, startBytes));
  const known = kinds.find(({ at, begins }) => start.startsWith(begins, at));
  if (known !== undefined) return known.kind;
  if (beginsAsOnnx(bytes)) return `${totalBytes} bytes that begin as an ONNX model does`;
  const beginning = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${totalBytes} bytes that begin with ${beginning.join(" ")}`;
}
