/** What a file seems to be, by how it begins. */
interface FileSignature {
  readonly at: number;
  readonly begins: string;
  readonly kind: string;
  /** Of checkpoints, which of PyTorch's two forms it is. */
  readonly checkpoint?: CheckpointForm;
}

/** `legacy` is what PyTorch wrote before version 1.6, or is told to write. */
export type CheckpointForm = "zip" | "legacy";

/** Checkpoints, and kinds of file that are mistaken for models. The first that fits it is. */
const signatures: readonly FileSignature[] = [
  {
    at: 0,
    begins: "PK\x03\x04",
    kind: "a zip archive, as a .pt checkpoint is",
    checkpoint: "zip",
  },
  {
    at: 0,
    // A pickle of a magic number.
    begins: "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
    kind: "a checkpoint in the form that PyTorch wrote before version 1.6",
    checkpoint: "legacy",
  },
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

/** As many of a file's first bytes as tell its kind. */
export const fileStartBytes = 64;

/** Undefined for a file that is no checkpoint. */
export function checkpointFormOf(start: Uint8Array): CheckpointForm | undefined {
  return signatureOf(start)?.checkpoint;
}

/** Whether a file begins as an ONNX model does: with the field of its version. */
export function beginsAsOnnx(start: Uint8Array): boolean {
  return start[0] === 0x08;
}

/**
 * What a file seems to be, for messages: its kind, or its size and how it begins.
 *
 * @param bytes The file, or its first {@link fileStartBytes} when `totalBytes` gives its size.
 */
export function describeFile(bytes: Uint8Array, totalBytes: number = bytes.length): string {
  if (bytes.length === 0) return "an empty file";
  const known = signatureOf(bytes);
  if (known !== undefined) return known.kind;
  if (beginsAsOnnx(bytes)) return `${totalBytes} bytes that begin as an ONNX model does`;
  const beginning = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${totalBytes} bytes that begin with ${beginning.join(" ")}`;
}

function signatureOf(bytes: Uint8Array): FileSignature | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, fileStartBytes));
  return signatures.find(({ at, begins }) => head.startsWith(begins, at));
}
