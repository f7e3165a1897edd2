/** The condition of a match: two boxes overlap by `threshold` or more. */
export interface Matching {
  /** Intersection over union, or over the smaller of the two areas. */
  readonly metric: "iou" | "ios";
  /** 0 to 1. At 0, boxes that have no area in common do not match. */
  readonly threshold: number;
}

/**
 * Boxes whose width and height are above half of the maximum and up to it; from 0 at the lowest.
 */
interface Level {
  readonly minWidth: number;
  readonly maxWidth: number;
  readonly minHeight: number;
  readonly maxHeight: number;
  /** Its boxes in `#members`: this many from this place on. */
  readonly firstPlace: number;
  readonly memberCount: number;
  /** The first of its 2^(32 − hashShift) buckets. */
  readonly firstBucket: number;
  readonly hashShift: number;
}

/**
 * Levels are for 1, 2, 4, … px of width and of height; the last, of one cell, for all longer sides.
 */
const stepCount = 25;
/** Allows for the rounding of overlaps that are computed in float32. */
const slack = 0.999;
/** Where boxes must match closely, cells are smaller than the level, but not below this share. */
const leastCellShare = 1 / 8;

/**
 * Finds the boxes that may match a given one, so that not every pair of a crowd has to be compared.
 * A box can be removed and is then not found any more.
 *
 * A box lies in one cell: that of its upper left corner, in the grid of its level. A level is for
 * boxes of about the same width and height, and its cells are about as large. So a search visits
 * few cells whatever the sizes, and a huge or a long thin box costs no more than others. Boxes
 * without area are never found.
 */
export class BoxIndex {
  readonly #boxes: Float32Array;
  readonly #share: number;
  readonly #isIou: boolean;
  /** The size of a cell as a share of its level's maximum. */
  readonly #cellShare: number;
  readonly #levels: readonly Level[];
  /** By box: its cell, its bucket (−1 once it is removed), and its place in `#members`. */
  readonly #columnOf: Int32Array;
  readonly #rowOf: Int32Array;
  readonly #bucketOf: Int32Array;
  readonly #placeOf: Int32Array;
  /** Boxes by bucket: bucket b starts at `#starts[b]` and has `#sizes[b]` boxes left. */
  readonly #members: Int32Array;
  readonly #starts: Int32Array;
  readonly #sizes: Int32Array;

  constructor(boxesXyxy: Float32Array, { metric, threshold }: Matching) {
    const count = boxesXyxy.length / 4;
    this.#boxes = boxesXyxy;
    this.#share = threshold * slack;
    this.#isIou = metric === "iou";
    // By IoU, boxes that match closely are close together; by IoS, a small box may lie anywhere in
    // a large one.
    this.#cellShare = this.#isIou ? Math.max(leastCellShare, Math.min(1, 2 * (1 - threshold))) : 1;
    this.#columnOf = new Int32Array(count);
    this.#rowOf = new Int32Array(count);
    this.#bucketOf = new Int32Array(count).fill(-1);
    this.#placeOf = new Int32Array(count);
    this.#members = new Int32Array(count);

    const sizeClasses = sizeClassesOf(boxesXyxy);
    const levels = layOutLevels(sizeClasses);
    this.#levels = levels.filter((level) => level !== undefined);
    const last = this.#levels.at(-1);
    const bucketCount = last === undefined ? 0 : last.firstBucket + 2 ** (32 - last.hashShift);
    this.#starts = new Int32Array(bucketCount + 1);
    this.#sizes = new Int32Array(bucketCount);
    for (let box = 0; box < count; box++) {
      const level = levels[sizeClasses[box]!];
      if (level !== undefined) this.#assignCell(box, level);
    }
    this.#fillBuckets();
  }

  /**
   * Writes the boxes that may match box `index` into `found`, each once. Every box that does match
   * is among them, and so is the box itself until it is removed.
   *
   * @returns Their number.
   */
  find(index: number, found: Int32Array): number {
    const boxes = this.#boxes;
    const left = boxes[4 * index]!;
    const top = boxes[4 * index + 1]!;
    const right = boxes[4 * index + 2]!;
    const bottom = boxes[4 * index + 3]!;
    const width = right - left;
    const height = bottom - top;
    if (!(width > 0 && height > 0)) return 0;
    let count = 0;
    for (const level of this.#levels) {
      const { maxWidth, maxHeight } = level;
      const widest = Math.min(width, maxWidth);
      const highest = Math.min(height, maxHeight);
      // The least that two matching boxes have in common: a share of the area, and so of the sides.
      const leastArea = this.#shareOf(width * height, level.minWidth * level.minHeight);
      const overlapX = Math.max(leastArea / highest, this.#shareOf(width, level.minWidth));
      const overlapY = Math.max(leastArea / widest, this.#shareOf(height, level.minHeight));
      if (overlapX > widest || overlapY > highest) continue;
      const firstColumn = this.#cellAt(left + overlapX - maxWidth, maxWidth);
      const lastColumn = this.#cellAt(right - overlapX, maxWidth);
      const firstRow = this.#cellAt(top + overlapY - maxHeight, maxHeight);
      const lastRow = this.#cellAt(bottom - overlapY, maxHeight);
      if ((lastColumn - firstColumn + 1) * (lastRow - firstRow + 1) > level.memberCount) {
        count = this.#addLevel(level, found, count);
        continue;
      }
      for (let column = firstColumn; column <= lastColumn; column++) {
        for (let row = firstRow; row <= lastRow; row++) {
          count = this.#addCell(bucketAt(level, column, row), column, row, found, count);
        }
      }
    }
    return count;
  }

  /** Removes a box. Idempotent. */
  remove(index: number): void {
    const bucket = this.#bucketOf[index]!;
    if (bucket < 0) return;
    const place = this.#placeOf[index]!;
    const lastPlace = this.#starts[bucket]! + --this.#sizes[bucket]!;
    const last = this.#members[lastPlace]!;
    this.#members[place] = last;
    this.#placeOf[last] = place;
    this.#members[lastPlace] = index;
    this.#bucketOf[index] = -1;
  }

  #addCell(bucket: number, column: number, row: number, found: Int32Array, count: number): number {
    const start = this.#starts[bucket]!;
    const end = start + this.#sizes[bucket]!;
    let to = count;
    for (let place = start; place < end; place++) {
      const box = this.#members[place]!;
      // Another cell may have the same bucket.
      if (this.#rowOf[box] === row && this.#columnOf[box] === column) found[to++] = box;
    }
    return to;
  }

  #addLevel({ firstPlace, memberCount }: Level, found: Int32Array, count: number): number {
    let to = count;
    for (let place = firstPlace; place < firstPlace + memberCount; place++) {
      const box = this.#members[place]!;
      if (this.#bucketOf[box]! >= 0) found[to++] = box;
    }
    return to;
  }

  /**
   * The share of the larger one (by IoU: of the union, which is no smaller) or of the smaller one.
   */
  #shareOf(a: number, b: number): number {
    return this.#share * (this.#isIou ? Math.max(a, b) : Math.min(a, b));
  }

  #cellAt(position: number, maxExtent: number): number {
    if (maxExtent === Infinity) return 0;
    return Math.floor(position / (maxExtent * this.#cellShare));
  }

  #assignCell(box: number, level: Level): void {
    const column = this.#cellAt(this.#boxes[4 * box]!, level.maxWidth);
    const row = this.#cellAt(this.#boxes[4 * box + 1]!, level.maxHeight);
    const bucket = bucketAt(level, column, row);
    this.#columnOf[box] = column;
    this.#rowOf[box] = row;
    this.#bucketOf[box] = bucket;
    this.#starts[bucket + 1]!++;
  }

  #fillBuckets(): void {
    for (let b = 1; b < this.#starts.length; b++) this.#starts[b]! += this.#starts[b - 1]!;
    for (let box = 0; box < this.#bucketOf.length; box++) {
      const bucket = this.#bucketOf[box]!;
      if (bucket < 0) continue;
      const place = this.#starts[bucket]! + this.#sizes[bucket]!++;
      this.#members[place] = box;
      this.#placeOf[box] = place;
    }
  }
}

/** By box: the steps of its width and height in one number; −1 for a box without area. */
function sizeClassesOf(boxesXyxy: Float32Array): Int16Array {
  const sizeClasses = new Int16Array(boxesXyxy.length / 4);
  for (let box = 0; box < sizeClasses.length; box++) {
    const width = boxesXyxy[4 * box + 2]! - boxesXyxy[4 * box]!;
    const height = boxesXyxy[4 * box + 3]! - boxesXyxy[4 * box + 1]!;
    const hasArea = width > 0 && height > 0;
    sizeClasses[box] = hasArea ? stepCount * stepOf(width) + stepOf(height) : -1;
  }
  return sizeClasses;
}

/** The exponent of an extent as a power of two, rounded up, from 0. */
function stepOf(extent: number): number {
  if (extent <= 1) return 0;
  return extent > 2 ** (stepCount - 2) ? stepCount - 1 : 32 - Math.clz32(Math.ceil(extent) - 1);
}

/** By size class: a level with its places and buckets; undefined for a class without boxes. */
function layOutLevels(sizeClasses: Int16Array): (Level | undefined)[] {
  const memberCounts = new Int32Array(stepCount * stepCount);
  for (const sizeClass of sizeClasses) if (sizeClass >= 0) memberCounts[sizeClass]!++;
  const extentsAt = (step: number) =>
    [step === 0 ? 0 : 2 ** (step - 1), step === stepCount - 1 ? Infinity : 2 ** step] as const;
  let firstPlace = 0;
  let firstBucket = 0;
  const levels = new Array<Level | undefined>(memberCounts.length);
  for (let sizeClass = 0; sizeClass < memberCounts.length; sizeClass++) {
    const memberCount = memberCounts[sizeClass]!;
    if (memberCount === 0) continue;
    const [minWidth, maxWidth] = extentsAt(Math.floor(sizeClass / stepCount));
    const [minHeight, maxHeight] = extentsAt(sizeClass % stepCount);
    const hashShift = Math.clz32(memberCount);
    const extents = { minWidth, maxWidth, minHeight, maxHeight };
    levels[sizeClass] = { ...extents, firstPlace, memberCount, firstBucket, hashShift };
    firstPlace += memberCount;
    firstBucket += 2 ** (32 - hashShift);
  }
  return levels;
}

function bucketAt({ firstBucket, hashShift }: Level, column: number, row: number): number {
  const mixed = Math.imul(column, 0x9e3779b1) ^ Math.imul(row, 0x85ebca77);
  return firstBucket + (Math.imul(mixed ^ (mixed >>> 15), 0x27d4eb2f) >>> hashShift);
}
