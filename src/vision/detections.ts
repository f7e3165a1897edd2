import { OrangeryError } from "../errors.ts";
import { selectBoxes } from "./boxes/boxes.ts";
import type { Mask } from "./masks/mask.ts";

/** One object that was found. */
export interface Detection {
  readonly classId: number;
  readonly name: string;
  /** 0…1 */
  readonly score: number;
  /** Left, top, right, bottom in px of the photo. */
  readonly boxXyxy: readonly [number, number, number, number];
  readonly mask?: Mask;
}

/** The arrays that detections are made of. */
export interface DetectionsFields {
  /** 4·n values. */
  readonly boxesXyxy: Float32Array;
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  /** Class names, by class id. */
  readonly names: readonly string[];
  /** One mask for each object; undefined where the model makes none. */
  readonly masks?: readonly Mask[] | undefined;
}

/** The objects that a model found on one photo: parallel typed arrays, best score first. */
export class Detections implements Iterable<Detection> {
  /** 4·n: left, top, right, bottom in px of the photo. */
  readonly boxesXyxy: Float32Array;
  /** n, 0…1, descending. */
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  readonly names: readonly string[];
  readonly masks: readonly Mask[] | undefined;

  /** @throws `INVALID_ARGUMENT` when the arrays differ in length. */
  constructor({ boxesXyxy, scores, classIds, names, masks }: DetectionsFields) {
    const lengths = [boxesXyxy.length / 4, scores.length, classIds.length];
    if (masks !== undefined) lengths.push(masks.length);
    if (new Set(lengths).size > 1) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected boxes, scores, classIds and masks of one length, got ${lengths.join(", ")}.`,
      );
    }
    this.boxesXyxy = boxesXyxy;
    this.scores = scores;
    this.classIds = classIds;
    this.names = names;
    this.masks = masks;
  }

  /** No objects, with the class names of a model. */
  static empty(names: readonly string[] = []): Detections {
    return new Detections({
      boxesXyxy: new Float32Array(0),
      scores: new Float32Array(0),
      classIds: new Int32Array(0),
      names,
    });
  }

  /**
   * Merges the objects of several parts, best score first; of equals the earlier part's first.
   * Masks are kept when every part that is not empty has them.
   *
   * @throws `INVALID_ARGUMENT` when the parts have different class names.
   */
  static merge(parts: readonly Detections[]): Detections {
    const names = parts[0]?.names ?? [];
    for (const part of parts) {
      if (part.names === names || part.names.join("\n") === names.join("\n")) continue;
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected detections of the same classes (${names.join(", ")}), got ` +
          `${part.names.join(", ")}.`,
      );
    }
    const filled = parts.filter((part) => part.length > 0);
    const masked = filled.length > 0 && filled.every((part) => part.masks !== undefined);
    const length = filled.reduce((sum, part) => sum + part.length, 0);
    const merged = new Detections({
      boxesXyxy: joinInto(
        new Float32Array(4 * length),
        filled.map((part) => part.boxesXyxy),
      ),
      scores: joinInto(
        new Float32Array(length),
        filled.map((part) => part.scores),
      ),
      classIds: joinInto(
        new Int32Array(length),
        filled.map((part) => part.classIds),
      ),
      names,
      masks: masked ? filled.flatMap((part) => part.masks ?? []) : undefined,
    });
    const order = Int32Array.from(merged.scores.keys());
    return merged.select(order.sort((a, b) => merged.scores[b]! - merged.scores[a]! || a - b));
  }

  get length(): number {
    return this.scores.length;
  }

  /** Returns object `index`. @throws `INVALID_ARGUMENT` outside 0…length−1. */
  at(index: number): Detection {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected an index of 0…${this.length - 1}, got ${index}.`,
      );
    }
    const classId = this.classIds[index]!;
    const [x1, y1, x2, y2] = this.boxesXyxy.subarray(4 * index, 4 * index + 4);
    const mask = this.masks?.[index];
    return {
      classId,
      name: this.nameOf(classId),
      score: this.scores[index]!,
      boxXyxy: [x1!, y1!, x2!, y2!],
      ...(mask && { mask }),
    };
  }

  /** The name of a class, or its number where the model has no name for it. */
  nameOf(classId: number): string {
    return this.names[classId] ?? String(classId);
  }

  /** Returns the objects for which `keep` returns true. */
  filter(keep: (detection: Detection, index: number) => boolean): Detections {
    const kept: number[] = [];
    for (let i = 0; i < this.length; i++) if (keep(this.at(i), i)) kept.push(i);
    return this.select(kept);
  }

  /** Returns the objects at `indices`, in that order. */
  select(indices: ArrayLike<number>): Detections {
    const scores = new Float32Array(indices.length);
    const classIds = new Int32Array(indices.length);
    const masks: Mask[] | undefined = this.masks && [];
    for (let to = 0; to < indices.length; to++) {
      const from = indices[to]!;
      scores[to] = this.scores[from]!;
      classIds[to] = this.classIds[from]!;
      masks?.push(this.masks![from]!);
    }
    const boxesXyxy = selectBoxes(this.boxesXyxy, indices);
    return new Detections({ boxesXyxy, scores, classIds, names: this.names, masks });
  }

  /** Returns the first `count` objects, which are the best. */
  first(count: number): Detections {
    if (this.length <= count) return this;
    return this.select(Int32Array.from({ length: count }, (_, index) => index));
  }

  /**
   * Places the objects of a slice on its photo. Boxes move by `offset` ([left, top] of the slice,
   * px); masks become as large as the photo.
   *
   * @throws `INVALID_ARGUMENT` when a mask at `offset` does not lie within the photo.
   */
  placeIn(photoWh: readonly [number, number], offset: readonly [number, number]): Detections {
    return new Detections({
      boxesXyxy: this.boxesXyxy.map((value, i) => value + offset[i % 2]!),
      scores: this.scores,
      classIds: this.classIds,
      names: this.names,
      masks: this.masks?.map((mask) => mask.placeIn(photoWh, offset)),
    });
  }

  /**
   * Counts the objects by name, in the order of the classes; names without objects are left out.
   */
  countByName(): Map<string, number> {
    const countById = new Map<number, number>();
    for (const classId of this.classIds) countById.set(classId, (countById.get(classId) ?? 0) + 1);
    const counts = new Map<string, number>();
    for (const [classId, count] of [...countById].sort(([a], [b]) => a - b)) {
      const name = this.nameOf(classId);
      counts.set(name, (counts.get(name) ?? 0) + count);
    }
    return counts;
  }

  /** The objects as a list: `JSON.stringify` would write typed arrays as objects. */
  toJSON(): Detection[] {
    return [...this];
  }

  /** The detections one by one, in their order. */
  *[Symbol.iterator](): Iterator<Detection> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** Copies arrays into `joined`, one after the other. */
function joinInto<T extends Float32Array | Int32Array>(joined: T, arrays: readonly T[]): T {
  let end = 0;
  for (const array of arrays) {
    joined.set(array, end);
    end += array.length;
  }
  return joined;
}
