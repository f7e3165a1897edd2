import { OrangeryError } from "../../errors.ts";
import { xywhToXyxy } from "./boxes.ts";

/**
 * The output of a raw head (YOLOv8, YOLO11) for one picture, channels first: rows of `anchorCount`
 * values for centre x, y, width, height, then one score per class, then `channelCount − 4 −
 * classCount` extras (mask coefficients).
 */
export interface RawHead {
  readonly data: Float32Array;
  readonly channelCount: number;
  readonly anchorCount: number;
  readonly classCount: number;
}

/**
 * The output of an end-to-end head (YOLO26, or an export with NMS) for one picture: rows of
 * x1, y1, x2, y2, score, class, then `rowLength − 6` extras. Best score first, padded with zeros.
 */
export interface EndToEndHead {
  readonly data: Float32Array;
  readonly rowCount: number;
  readonly rowLength: number;
}

/**
 * The output of a head with objectness (YOLOv5, YOLOv6, YOLOv7) for one picture: rows of centre x,
 * y, width, height, objectness, then one score per class, then `rowLength − 5 − classCount` extras.
 */
export interface ObjectnessHead {
  readonly data: Float32Array;
  readonly rowCount: number;
  readonly rowLength: number;
  readonly classCount: number;
  /** Whether objectness and a class's score multiply; otherwise objectness alone is the score. */
  readonly isClassScored: boolean;
}

/** The proposals of a head, before suppression, in the order of the head. */
export interface Candidates {
  /** 4·n, px of the network's input. */
  readonly boxesXyxy: Float32Array;
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  /** The origin of each: the anchor of a raw head, the row of another. */
  readonly sourceIds: Int32Array;
}

export interface SelectOptions {
  /** Only scores above this are selected, 0…1. */
  readonly confidence: number;
  /** Only these classes, by id. Default: all. */
  readonly classes?: readonly number[] | undefined;
  /** In place of `confidence` for some classes, by id. */
  readonly classConfidence?: readonly (readonly [number, number])[] | undefined;
}

/**
 * Selects each anchor's best class (of equals the first) if its score is above `confidence`, as
 * Ultralytics' `non_max_suppression` does before suppressing.
 *
 * @throws `INVALID_ARGUMENT` when the length of `data` does not fit the head,
 *   `INFERENCE_NOT_FINITE`
 */
export function selectCandidates(head: RawHead, options: SelectOptions): Candidates {
  const { data, channelCount, anchorCount, classCount } = head;
  assertLength(data, channelCount, anchorCount, 4 + Math.max(1, classCount));
  const best = data.slice(4 * anchorCount, 5 * anchorCount);
  const bestClass = new Int32Array(anchorCount);
  const least = Math.fround(leastConfidence(options));
  const end = (4 + classCount) * anchorCount;
  // Class by class, so that memory is read sequentially. Nearly all scores are far below the
  // threshold: four at a time take a third of the time.
  for (let i = 5 * anchorCount; i < end; i++) {
    while (i + 4 <= end && areAtMost(data, i, least)) i += 4;
    if (i === end) break;
    const score = data[i]!;
    if (score <= least) continue;
    if (Number.isNaN(score)) throw notFinite("score", score);
    const anchor = i % anchorCount;
    if (!(score > best[anchor]!)) continue;
    best[anchor] = score;
    bestClass[anchor] = Math.floor(i / anchorCount) - 4;
  }
  return anchorsAbove({ data, anchorCount, best, bestClass }, options);
}

/** Whether none of four values is above `least`, or NaN. */
function areAtMost(data: Float32Array, at: number, least: number): boolean {
  return (
    data[at]! <= least && data[at + 1]! <= least && data[at + 2]! <= least && data[at + 3]! <= least
  );
}

/**
 * Selects the anchors whose best score is above `confidence`, of a head that was left with each
 * anchor's best class: rows of centre x, y, width, height, score and class, then `channelCount − 6`
 * extras.
 *
 * @throws `INVALID_ARGUMENT` when the length of `data` does not fit the head,
 *   `INFERENCE_NOT_FINITE`
 */
export function selectBestClass(head: RawHead, options: SelectOptions): Candidates {
  const { data, channelCount, anchorCount, classCount } = head;
  assertLength(data, channelCount, anchorCount, 6);
  const best = data.subarray(4 * anchorCount, 5 * anchorCount);
  const bestClass = data.subarray(5 * anchorCount, 6 * anchorCount);
  // NaN scores are never the best.
  if (bestClass.includes(classCount)) throw notFinite("score", Number.NaN);
  return anchorsAbove({ data, anchorCount, best, bestClass }, options);
}

interface ScoredAnchors extends Pick<RawHead, "data" | "anchorCount"> {
  /** Each anchor's best score, and its class. */
  readonly best: Float32Array;
  readonly bestClass: Float32Array | Int32Array;
}

function anchorsAbove(
  { data, anchorCount, best, bestClass }: ScoredAnchors,
  options: SelectOptions,
): Candidates {
  const sourceIds = selectIndices(best, bestClass, options);
  const boxesXywh = new Float32Array(4 * sourceIds.length);
  for (let i = 0; i < sourceIds.length; i++) {
    for (let k = 0; k < 4; k++) boxesXywh[4 * i + k] = data[k * anchorCount + sourceIds[i]!]!;
  }
  assertFinite(boxesXywh);
  return toCandidates(sourceIds, xywhToXyxy(boxesXywh), { best, bestClass });
}

/**
 * Selects the rows of an end-to-end head whose score is above `confidence`, at most
 * `maxDetections`. The head has already suppressed: these are the detections.
 *
 * @throws `INVALID_ARGUMENT` when the length of `data` does not fit the head,
 *   `INFERENCE_NOT_FINITE`
 */
export function selectEndToEnd(
  head: EndToEndHead,
  options: SelectOptions & { readonly maxDetections: number },
): Candidates {
  const { data, rowCount, rowLength } = head;
  assertLength(data, rowCount, rowLength, 0);
  assertLength(data, rowLength, rowCount, 6);
  const column = (offset: number) =>
    Float32Array.from({ length: rowCount }, (_, row) => data[row * rowLength + offset]!);
  const scores = column(4);
  const classIds = Int32Array.from(column(5));
  const sourceIds = selectIndices(scores, classIds, options).slice(0, options.maxDetections);
  const boxesXyxy = rowValues(head, [0, 4], sourceIds);
  assertFinite(boxesXyxy);
  return toCandidates(sourceIds, boxesXyxy, { best: scores, bestClass: classIds });
}

/** Whether each row of an end-to-end head has a score above `confidence`: there may be more. */
export function isFull(
  { data, rowCount, rowLength }: EndToEndHead,
  options: SelectOptions,
): boolean {
  const least = Math.fround(leastConfidence(options));
  for (let row = 0; row < rowCount; row++) {
    if (!(data[row * rowLength + 4]! > least)) return false;
  }
  return rowCount > 0;
}

/**
 * Selects each row's best class (of equals the first) if its score is above `confidence`, as
 * YOLOv5's `non_max_suppression` does before suppressing.
 *
 * @throws `INVALID_ARGUMENT` when the length of `data` does not fit the head,
 *   `INFERENCE_NOT_FINITE`
 */
export function selectObjectness(head: ObjectnessHead, options: SelectOptions): Candidates {
  const { data, rowCount, rowLength, classCount, isClassScored } = head;
  assertLength(data, rowLength, rowCount, 5 + classCount);
  const best = new Float32Array(rowCount);
  const bestClass = new Int32Array(rowCount);
  const least = leastConfidence(options);
  for (let row = 0; row < rowCount; row++) {
    const start = row * rowLength;
    const objectness = data[start + 4]!;
    // A class's score is at most 1, so most rows need no look at their classes.
    best[row] = objectness;
    if (!isClassScored || objectness <= least) continue;
    best[row] = data[start + 5]!;
    for (let classId = 1; classId < classCount; classId++) {
      const score = data[start + 5 + classId]!;
      if (Number.isNaN(score)) throw notFinite("score", score);
      if (score > best[row]!) {
        best[row] = score;
        bestClass[row] = classId;
      }
    }
    best[row]! *= objectness;
  }
  const sourceIds = selectIndices(best, bestClass, options);
  const boxesXywh = rowValues(head, [0, 4], sourceIds);
  assertFinite(boxesXywh);
  return toCandidates(sourceIds, xywhToXyxy(boxesXywh), { best, bestClass });
}

function toCandidates(
  sourceIds: Int32Array,
  boxesXyxy: Float32Array,
  { best, bestClass }: Pick<ScoredAnchors, "best" | "bestClass">,
): Candidates {
  return {
    boxesXyxy,
    scores: Float32Array.from(sourceIds, (source) => best[source]!),
    classIds: Int32Array.from(sourceIds, (source) => bestClass[source]!),
    sourceIds,
  };
}

/** Returns the extras of anchors of a raw head, one row each. */
export function rawExtras(head: RawHead, sourceIds: Int32Array): Float32Array {
  return anchorExtras(head, 4 + head.classCount, sourceIds);
}

/** Returns the extras of anchors of a head with each anchor's best class, one row each. */
export function bestClassExtras(head: RawHead, sourceIds: Int32Array): Float32Array {
  return anchorExtras(head, 6, sourceIds);
}

function anchorExtras(
  { data, channelCount, anchorCount }: RawHead,
  first: number,
  sourceIds: Int32Array,
): Float32Array {
  const extraCount = channelCount - first;
  const extras = new Float32Array(extraCount * sourceIds.length);
  for (let i = 0; i < sourceIds.length; i++) {
    for (let k = 0; k < extraCount; k++) {
      extras[i * extraCount + k] = data[(first + k) * anchorCount + sourceIds[i]!]!;
    }
  }
  return extras;
}

/** Returns the extras of rows of an end-to-end head, one row each. */
export function endToEndExtras(head: EndToEndHead, sourceIds: Int32Array): Float32Array {
  return rowValues(head, [6, head.rowLength], sourceIds);
}

/** Returns the extras of rows of a head with objectness, one row each. */
export function objectnessExtras(head: ObjectnessHead, sourceIds: Int32Array): Float32Array {
  return rowValues(head, [5 + head.classCount, head.rowLength], sourceIds);
}

/** Returns the values from `first` to before `end` of rows. */
function rowValues(
  { data, rowLength }: EndToEndHead,
  [first, end]: readonly [number, number],
  sourceIds: Int32Array,
): Float32Array {
  const values = new Float32Array((end - first) * sourceIds.length);
  sourceIds.forEach((row, i) => {
    const start = row * rowLength;
    values.set(data.subarray(start + first, start + end), i * (end - first));
  });
  return values;
}

function selectIndices(
  scores: Float32Array,
  classIds: Float32Array | Int32Array,
  options: SelectOptions,
): Int32Array {
  // The reference compares float32 with float32.
  const confidence = Math.fround(options.confidence);
  const least = Math.fround(leastConfidence(options));
  const own = new Map(
    options.classConfidence?.map(([classId, score]) => [classId, Math.fround(score)]),
  );
  const classes = options.classes && new Set(options.classes);
  const indices: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i])) throw notFinite("score", scores[i]!);
    if (!(scores[i]! > least)) continue;
    if (own.size > 0 && !(scores[i]! > (own.get(classIds[i]!) ?? confidence))) continue;
    if (classes === undefined || classes.has(classIds[i]!)) indices.push(i);
  }
  return Int32Array.from(indices);
}

function leastConfidence({ confidence, classConfidence = [] }: SelectOptions): number {
  return Math.min(confidence, ...classConfidence.map(([, score]) => score));
}

function assertFinite(boxes: Float32Array): void {
  const value = boxes.find((coordinate) => !Number.isFinite(coordinate));
  if (value !== undefined) throw notFinite("box", value);
}

/** Without this error, a photo with NaN scores would count as empty. */
export function notFinite(what: "score" | "box" | "mask", value: number): OrangeryError {
  return new OrangeryError(
    "INFERENCE_NOT_FINITE",
    `Expected the network to return a number for every ${what}, got ${value}.`,
    { details: { what, value } },
  );
}

function assertLength(data: Float32Array, rows: number, columns: number, minRows: number): void {
  if (rows >= minRows && data.length === rows * columns) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a head of ${rows} × ${columns} values, the first at least ${minRows}, got ` +
      `${data.length} values.`,
  );
}
