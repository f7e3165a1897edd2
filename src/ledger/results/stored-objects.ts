import { OrangeryError } from "../../errors.ts";
import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { fromCocoCounts, toCocoCounts } from "../coco-counts.ts";
import { packScores } from "../scores/packed-scores.ts";

/** Objects and where they are, with their class names. */
export interface PlacedObjects {
  readonly objects: Detections;
  /** The number of the region that each object is in, 0 for none; undefined without a segmenter. */
  readonly objectRegions?: Int32Array | undefined;
}

/** Objects as the table `result_objects` holds them. All JSON, so that SQL can look inside. */
export interface StoredObjects {
  /** Class names by class id. */
  readonly names: string;
  /**
   * `[[classId, score, x1, y1, x2, y2, region, areaPx], …]`. The region is null where nothing was
   * segmented, the area is that of the mask; both are left out where there is neither.
   */
  readonly objects: string;
  /**
   * `[{"size": [height, width], "counts": "…"}, …]` as pycocotools reads them; null without masks.
   */
  readonly masks: string | null;
}

/** Rounds boxes to 0.01 px and scores to 0.00001: less than the difference between two devices. */
export function toStoredObjects({ objects, objectRegions }: PlacedObjects): StoredObjects {
  const { length, classIds, scores, boxesXyxy, names } = objects;
  // Not by iterating over the objects: building each takes longer than writing it.
  const rows = Array.from({ length }, (_, i) => {
    const at = 4 * i;
    const row: (number | null)[] = [
      classIds[i]!,
      toScore(scores[i]!),
      toHundredths(boxesXyxy[at]!),
      toHundredths(boxesXyxy[at + 1]!),
      toHundredths(boxesXyxy[at + 2]!),
      toHundredths(boxesXyxy[at + 3]!),
    ];
    if (objectRegions !== undefined || objects.masks !== undefined) {
      row.push(objectRegions?.[i] ?? null);
    }
    if (objects.masks !== undefined) row.push(objects.masks[i]!.areaPx);
    return row;
  });
  const masks = objects.masks?.map(({ heightPx, widthPx, counts }) => ({
    size: [heightPx, widthPx],
    counts: toCocoCounts(counts),
  }));
  return {
    names: JSON.stringify(names),
    objects: JSON.stringify(rows),
    masks: masks === undefined ? null : JSON.stringify(masks),
  };
}

/**
 * Reads what {@link toStoredObjects} wrote.
 *
 * @throws `LEDGER_UNREADABLE` for other contents
 */
export function fromStoredObjects(stored: StoredObjects): PlacedObjects {
  return parse(() => {
    const names: string[] = JSON.parse(stored.names);
    const rows: StoredObject[] = JSON.parse(stored.objects);
    const masks: { size: [number, number]; counts: string }[] | null = JSON.parse(
      stored.masks ?? "null",
    );
    const objects = new Detections({
      names,
      classIds: Int32Array.from(rows, ([classId]) => classId),
      scores: Float32Array.from(rows, ([, score]) => score),
      boxesXyxy: toBoxes(rows),
      masks: masks?.map(
        ({ size: [heightPx, widthPx], counts }) =>
          new Mask({ widthPx, heightPx, counts: fromCocoCounts(counts) }),
      ),
    });
    const isPlaced = typeof rows[0]?.[6] === "number";
    return {
      objects,
      objectRegions: isPlaced ? Int32Array.from(rows, (row) => row[6]!) : undefined,
    };
  });
}

/** @throws `LEDGER_UNREADABLE` for other contents */
function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected stored objects in the results file, got ${(cause as Error).message}. ` +
        "The file is damaged.",
      { cause },
    );
  }
}

/** Packs the scores of stored objects, of a version that did not pack them. */
export function packStoredObjects(objects: string): Uint8Array {
  const rows: StoredObject[] = parse(() => JSON.parse(objects));
  return packScores(
    { classIds: rows.map(([classId]) => classId), scores: rows.map(([, score]) => score) },
    rows.map((row) => row[6] ?? 0),
  );
}

type StoredObject = [
  classId: number,
  score: number,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  region?: number | null,
  areaPx?: number,
];

function toBoxes(rows: readonly StoredObject[]): Float32Array {
  const boxesXyxy = new Float32Array(4 * rows.length);
  for (const [i, [, , x1, y1, x2, y2]] of rows.entries()) {
    boxesXyxy.set([x1, y1, x2, y2], 4 * i);
  }
  return boxesXyxy;
}

export function toHundredths(px: number): number {
  return Math.round(px * 100) / 100;
}

export function toScore(score: number): number {
  return Math.round(score * 1e5) / 1e5;
}
