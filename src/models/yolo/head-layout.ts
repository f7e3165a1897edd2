/**
 * How `output0` is laid out.
 * - `raw`: (1, 4 + classes + coefficients, anchors), boxes as xywh, scores per class; needs NMS.
 * - `end-to-end`: (1, detections, 6 + coefficients), rows of xyxy, score, class; needs none.
 * - `objectness`: (1, anchors, 5 + classes + coefficients), rows of xywh, objectness and scores per
 *   class, which multiply; needs NMS. YOLOv5, YOLOv6, YOLOv7.
 * - `objectness-only`: the same of one class, whose own score was never trained. YOLOv7.
 * - `best-class`: (1, 6 + coefficients, anchors), a raw head of which the best class and its score
 *   are left: `keepBestClass`.
 */
export type HeadLayout = "raw" | "end-to-end" | "objectness" | "objectness-only" | "best-class";

/** What a network says of its head, or a run of it shows. */
export interface HeadEvidence {
  /** Of `output0`: a number where it is known. */
  readonly shape: readonly (number | string)[];
  /** [height, width] of the input, where it is known. */
  readonly inputSizeHw: readonly [number, number] | undefined;
  /** Mask coefficients of each detection. */
  readonly coefficientCount: number;
  /** By the names of the metadata; undefined where there are none. */
  readonly classCount: number | undefined;
  /** By the metadata; undefined where they say nothing of it. */
  readonly isEndToEnd: boolean | undefined;
}

export interface Head {
  readonly layout: HeadLayout;
  readonly classCount: number;
  /** Whether nothing else is possible; otherwise a run has to show it. */
  readonly isCertain: boolean;
  /** Whether each cell of the network's maps has one anchor, not three. */
  readonly isAnchorFree: boolean;
  /** The largest stride of the maps, where the number of anchors shows it. */
  readonly stride: number | undefined;
}

/** A head that is not run, and why. */
export interface RefusedHead {
  readonly refused: string;
}

/** Classes of a network that names none, and whose shapes do not show their number. */
const usualClassCount = 80;

/**
 * Establishes what a head is. Where the metadata say so, that counts; where they do not, the number
 * of rows does, which follows from the size of the input for every head but an end-to-end one.
 */
export function readHeadLayout(evidence: HeadEvidence): Head | RefusedHead {
  const { shape, inputSizeHw, coefficientCount, classCount, isEndToEnd } = evidence;
  const [, first, last] = shape;
  const rowsOfSix = last === 6 + coefficientCount;
  if (isEndToEnd) {
    if (!fits(last, 6 + coefficientCount)) return valuesOfRow(6, evidence);
    return head("end-to-end", classCount ?? usualClassCount, { isCertain: true });
  }
  const anchors = typeof last === "number" ? anchorsOf(last, evidence) : undefined;
  const rows = typeof first === "number" ? anchorsOf(first, evidence) : undefined;
  if (classCount !== undefined && first === 4 + classCount + coefficientCount) {
    // As many classes as an end-to-end head has rows, less four, leave it open.
    if (!rowsOfSix || anchors !== undefined) {
      return head("raw", classCount, { isCertain: true, anchors });
    }
  }
  if (rows !== undefined) return readRows(rows, evidence);
  if (rowsOfSix) {
    if (isEndToEnd === false && typeof first === "number" && inputSizeHw !== undefined) {
      return {
        refused:
          `${first} rows of ${last} values, which are no detections ` +
          "(its metadata say that it is neither end-to-end nor has NMS)",
      };
    }
    return head("end-to-end", classCount ?? usualClassCount, { isCertain: false });
  }
  if (typeof first === "string") return readFreeRows(evidence);
  return readChannels(first, anchors, evidence);
}

/** Describes the head of a network that this program made for a GPU. */
export function bestClassHead(classCount: number): Head {
  return head("best-class", classCount, { isCertain: true });
}

/** Whether an extent is this one, or any. */
function fits(extent: number | string | undefined, wanted: number): boolean {
  return extent === wanted || typeof extent === "string";
}

function head(
  layout: HeadLayout,
  classCount: number,
  { isCertain, anchors }: { readonly isCertain: boolean; readonly anchors?: Anchors | undefined },
): Head {
  const isAnchorFree = anchors?.perCell !== 3;
  return { layout, classCount, isCertain, isAnchorFree, stride: anchors?.stride };
}

/** One row an anchor: a head with objectness, or a raw one that was transposed. */
function readRows(rows: Anchors, evidence: HeadEvidence): Head | RefusedHead {
  const { shape, coefficientCount, classCount } = evidence;
  const last = shape[2];
  if (typeof last === "string") return readFreeRows(evidence);
  const scores = last! - 5 - coefficientCount;
  if (classCount !== undefined && scores === classCount - 1) {
    return {
      refused: `a row of ${last} values for each anchor, as in an output that is transposed`,
    };
  }
  if (scores < 1 || scores !== (classCount ?? scores)) {
    return valuesOfRow(5 + (classCount ?? 1), evidence);
  }
  const isUntrained = scores === 1 && rows.perCell === 3 && classCount === undefined;
  return head(isUntrained ? "objectness-only" : "objectness", scores, {
    isCertain: false,
    anchors: rows,
  });
}

/** The number of rows is free, or what a row holds: a run shows it. */
function readFreeRows({ shape, coefficientCount, classCount }: HeadEvidence): Head {
  const last = shape[2];
  const hasObjectness =
    classCount !== undefined && last === 5 + classCount + coefficientCount && classCount > 1;
  return head(hasObjectness ? "objectness" : "raw", classCount ?? usualClassCount, {
    isCertain: false,
  });
}

/** One channel a value: a raw head of classes that are not named. */
function readChannels(
  channels: number | undefined,
  anchors: Anchors | undefined,
  evidence: HeadEvidence,
): Head | RefusedHead {
  const { shape, inputSizeHw, coefficientCount, classCount } = evidence;
  const count = channels! - 4 - coefficientCount;
  if (classCount !== undefined && shape[2] === 4 + classCount + coefficientCount) {
    return { refused: `${channels} rows of a box and ${classCount} scores, as RT-DETR has them` };
  }
  if (classCount !== undefined || count < 1) return valuesOfRow(4 + (classCount ?? 0), evidence);
  if (anchors?.perCell === 1) return head("raw", count, { isCertain: false, anchors });
  // Not to be known before a run where the size of the input or of the output is free.
  if (inputSizeHw === undefined || typeof shape[2] === "string") {
    return head("raw", count, { isCertain: false });
  }
  return {
    refused:
      `${channels} × ${shape[2]} values, where an input of ${inputSizeHw.join(" × ")} ` +
      `has ${cellsOf(inputSizeHw, usualStrides)} anchors`,
  };
}

function valuesOfRow(least: number, { shape, classCount, coefficientCount }: HeadEvidence) {
  const expected = least + coefficientCount;
  const named = `${classCount ?? 0} classes, ${coefficientCount} mask coefficients`;
  return {
    refused: `(${shape.join(", ")}) instead of ${expected} values a detection (${named})`,
  };
}

/** Anchors in the cells of a network's maps. */
interface Anchors {
  readonly perCell: 1 | 3;
  /** The largest of the maps. */
  readonly stride: number;
}

const usualStrides = [8, 16, 32] as const;

/** Strides of the maps that YOLO networks have, the usual ones first. */
const knownStrides: readonly (readonly number[])[] = [
  usualStrides,
  [8, 16, 32, 64],
  [4, 8, 16, 32],
  [16, 32],
  [4, 8, 16, 32, 64],
  [8, 16, 32, 64, 128],
];

/** Which anchors make up a number; undefined where none do, or the size of the input is free. */
function anchorsOf(count: number, { inputSizeHw }: HeadEvidence): Anchors | undefined {
  if (inputSizeHw === undefined) return undefined;
  for (const strides of knownStrides) {
    const cells = cellsOf(inputSizeHw, strides);
    const stride = Math.max(...strides);
    if (count === cells) return { perCell: 1, stride };
    if (count === 3 * cells) return { perCell: 3, stride };
  }
  return undefined;
}

function cellsOf([height, width]: readonly [number, number], strides: readonly number[]): number {
  return strides.reduce(
    (sum, stride) => sum + Math.ceil(height / stride) * Math.ceil(width / stride),
    0,
  );
}
