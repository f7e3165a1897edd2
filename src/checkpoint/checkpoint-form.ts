/** PyTorch's two forms of a checkpoint; `legacy` is the one before version 1.6. */
export type CheckpointForm = "zip" | "legacy";

const zipStart = Buffer.from("PK\x03\x04", "latin1");

/** A pickle of a magic number. */
const legacyStart = Buffer.from("80028a0a6cfc9c46f9206aa85019", "hex");

/** Recognises a checkpoint by the first bytes of its file; undefined for any other file. */
export function checkpointFormOf(start: Uint8Array): CheckpointForm | undefined {
  const begins = (bytes: Buffer) => bytes.equals(start.subarray(0, bytes.length));
  if (begins(zipStart)) return "zip";
  return begins(legacyStart) ? "legacy" : undefined;
}
