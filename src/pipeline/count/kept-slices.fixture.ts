import { inflateRawSync } from "node:zlib";
import { detectionsFromBytes } from "../../vision/detections-bytes.ts";

/**
 * How many slices of a photo the bytes that `SliceKeeper` wrote hold: those before the first that
 * was broken off. Slices in flight may have overtaken it, and are inferred again.
 */
export function keptSliceCount(
  bytes: Uint8Array | undefined,
  photoWh: readonly [number, number],
): number {
  if (bytes === undefined) return 0;
  const words = inflateRawSync(bytes.subarray(33));
  return detectionsFromBytes(words, { names: ["thing"], photoWh }).length;
}
