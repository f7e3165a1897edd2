import { OrangeryError } from "../../errors.ts";

/** The objects of one class in one region, or in none. */
export interface ScoreGroup {
  readonly classId: number;
  /** The number of the region, 0 where they are in none. */
  readonly region: number;
  /** Best first, as the network returned them. */
  readonly scores: Float32Array;
}

/** What scores are packed of. */
interface ScoredObjects {
  readonly classIds: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
}

const floatBytes = Float32Array.BYTES_PER_ELEMENT;

/**
 * Packs the scores of a result's objects for questions about thresholds: four bytes for an object,
 * and few more for each class in each region. A group is its class's id, its region and the number
 * of its objects, each as a varint, and then their scores, best first, as float32, little endian.
 */
export function packScores(
  { classIds, scores }: ScoredObjects,
  regions?: ArrayLike<number> | undefined,
): Uint8Array {
  const groups = new Map<number, Map<number, number[]>>();
  for (let i = 0; i < scores.length; i++) {
    const [classId, region] = [classIds[i]!, regions?.[i] ?? 0];
    const byRegion = groups.get(classId) ?? new Map<number, number[]>();
    groups.set(classId, byRegion);
    const group = byRegion.get(region);
    if (group === undefined) byRegion.set(region, [scores[i]!]);
    else group.push(scores[i]!);
  }
  const parts: Uint8Array[] = [];
  for (const [classId, byRegion] of [...groups].sort(([a], [b]) => a - b)) {
    for (const [region, group] of [...byRegion].sort(([a], [b]) => a - b)) {
      parts.push(Uint8Array.from([classId, region, group.length].flatMap(toVarint)));
      const bytes = new DataView(new ArrayBuffer(floatBytes * group.length));
      const sorted = Float32Array.from(group).sort().reverse();
      for (const [i, score] of sorted.entries()) bytes.setFloat32(floatBytes * i, score, true);
      parts.push(new Uint8Array(bytes.buffer));
    }
  }
  return Buffer.concat(parts);
}

/** Reads the groups of packed scores: by class, and of each class by region. */
export function unpackScores(packed: Uint8Array): ScoreGroup[] {
  const groups: ScoreGroup[] = [];
  const reader = new PackedScores(packed);
  while (reader.next()) {
    const { classId, region } = reader;
    groups.push({ classId, region, scores: reader.scores() });
  }
  return groups;
}

/** Goes over the groups of packed scores without unpacking them, for millions of objects. */
export class PackedScores {
  classId = 0;
  region = 0;
  /** Objects of the group. */
  length = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #start = 0;
  #next = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the next group. False after the last. */
  next(): boolean {
    if (this.#next >= this.#bytes.length) return false;
    this.classId = this.#varint();
    this.region = this.#varint();
    this.length = this.#varint();
    this.#start = this.#next;
    this.#next += floatBytes * this.length;
    if (this.#next > this.#bytes.length) throw cutOff();
    return true;
  }

  /** Counts the objects of the group that score above a float32. */
  countAbove(threshold: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#view.getFloat32(this.#start + floatBytes * middle, true) > threshold) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }

  /** The best score of the group. */
  get best(): number {
    return this.#view.getFloat32(this.#start, true);
  }

  /** The worst score of the group. */
  get worst(): number {
    return this.#view.getFloat32(this.#next - floatBytes, true);
  }

  /** The scores of the group. */
  scores(): Float32Array {
    return Float32Array.from({ length: this.length }, (_, i) =>
      this.#view.getFloat32(this.#start + floatBytes * i, true),
    );
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#next++]!;
      value += (byte & 127) * factor;
      if (!(byte >= 128)) return value;
    }
  }
}

function cutOff(): OrangeryError {
  return new OrangeryError(
    "LEDGER_UNREADABLE",
    "Expected whole scores in the results, but they are cut off. The results are damaged.",
  );
}

function toVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(128 + (rest % 128));
  return [...bytes, rest];
}
