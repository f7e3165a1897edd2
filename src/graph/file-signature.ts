/** Kinds of file that are mistaken for ONNX models, by what they begin with. */
const signatures: readonly {
  readonly at: number;
  readonly begins: string;
  readonly kind: string;
}[] = [
  { at: 0, begins: "PK\x03\x04", kind: "a zip archive, as a .pt checkpoint is" },
  { at: 4, begins: "ORTM", kind: "a model in ONNX Runtime's own .ort format" },
  { at: 4, begins: "TFL3", kind: "a TensorFlow Lite model" },
  { at: 0, begins: "version https://git-lfs", kind: "a Git LFS pointer without its file" },
  { at: 0, begins: "\x89PNG", kind: "a PNG picture" },
  { at: 0, begins: "\xff\xd8\xff", kind: "a JPEG picture" },
  { at: 0, begins: "\x80\x02", kind: "a Python pickle" },
  { at: 0, begins: "\x1f\x8b", kind: "a gzip archive" },
  { at: 0, begins: "<", kind: "an HTML or XML page" },
  { at: 0, begins: "{", kind: "JSON text" },
];

/**
 * What a file seems to be, for messages: its kind, or its size and how it begins.
 *
 * @param bytes The file, or its first 64 bytes when `totalBytes` gives its size.
 */
export function describeFile(bytes: Uint8Array, totalBytes: number = bytes.length): string {
  if (bytes.length === 0) return "an empty file";
  const head = String.fromCharCode(...bytes.subarray(0, 64));
  const known = signatures.find(({ at, begins }) => head.startsWith(begins, at));
  if (known !== undefined) return known.kind;
  const beginning = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${totalBytes} bytes that begin with ${beginning.join(" ")}`;
}
