import { Detections } from "./detections.ts";
import { Mask } from "./masks/mask.ts";

/**
 * Writes detections as bytes, to the bit and without the class names: for each of them the number
 * of objects, whether they have masks, their boxes, scores and class ids, and the run lengths of
 * each mask after their number, all in 32 bits, lowest byte first.
 */
export function detectionsToBytes(parts: readonly Detections[]): Uint8Array {
  const arrays = parts.flatMap(({ length, boxesXyxy, scores, classIds, masks }) => [
    Uint32Array.of(length, masks === undefined ? 0 : 1),
    boxesXyxy,
    scores,
    classIds,
    ...(masks ?? []).flatMap(({ counts }) => [Uint32Array.of(counts.length), counts]),
  ]);
  return Buffer.concat(arrays.map((array) => bytesOf(array)));
}

/** What the bytes do not say of detections. */
export interface DetectionsContext {
  readonly names: readonly string[];
  /** Size of their masks, px. */
  readonly photoWh: readonly [number, number];
}

/**
 * Reads what {@link detectionsToBytes} has written.
 *
 * @throws `RangeError` or `INVALID_ARGUMENT` for other bytes
 */
export function detectionsFromBytes(
  bytes: Uint8Array,
  { names, photoWh: [widthPx, heightPx] }: DetectionsContext,
): Detections[] {
  // A copy is aligned for typed arrays; a part of a Buffer need not be.
  const words = new Uint32Array(new Uint8Array(bytes).buffer);
  let end = 0;
  const take = (count: number): Uint32Array => {
    end += count;
    if (end > words.length) throw new RangeError(`${bytes.length} bytes end too early`);
    return words.slice(end - count, end);
  };
  const readMask = () => new Mask({ widthPx, heightPx, counts: take(take(1)[0]!) });
  const parts: Detections[] = [];
  while (end < words.length) {
    const [length, hasMasks] = take(2) as unknown as [number, number];
    parts.push(
      new Detections({
        names,
        boxesXyxy: new Float32Array(take(4 * length).buffer),
        scores: new Float32Array(take(length).buffer),
        classIds: new Int32Array(take(length).buffer),
        masks: hasMasks === 1 ? Array.from({ length }, readMask) : undefined,
      }),
    );
  }
  return parts;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int32Array | Uint32Array) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
