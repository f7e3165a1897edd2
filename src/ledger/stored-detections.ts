import { OrangeryError } from "../errors.ts";
import { Detections } from "../vision/detections.ts";
import { Mask } from "../vision/mask.ts";
import { fromCocoCounts, toCocoCounts } from "./coco-counts.ts";

/** Detections as the table `result_detections` holds them. All JSON, so that SQL can look inside. */
export interface StoredDetections {
  /** Class names by class id. */
  readonly names: string;
  /** `[[classId, score, x1, y1, x2, y2], …]`, best score first. */
  readonly objects: string;
  /** `[{"size": [height, width], "counts": "…"}, …]` as pycocotools reads them; null without masks. */
  readonly masks: string | null;
}

/** Boxes are kept to 0.01 px and scores to 0.00001: below what two devices differ by. */
export function toStoredDetections(detections: Detections): StoredDetections {
  const objects = Array.from(detections, ({ classId, score, boxXyxy }) => [
    classId,
    round(score, 1e5),
    ...boxXyxy.map((value) => round(value, 100)),
  ]);
  const masks = detections.masks?.map(({ heightPx, widthPx, counts }) => ({
    size: [heightPx, widthPx],
    counts: toCocoCounts(counts),
  }));
  return {
    names: JSON.stringify(detections.names),
    objects: JSON.stringify(objects),
    masks: masks === undefined ? null : JSON.stringify(masks),
  };
}

/** @throws `LEDGER_UNREADABLE` when the columns do not hold what {@link toStoredDetections} writes. */
export function fromStoredDetections(stored: StoredDetections): Detections {
  try {
    const names: string[] = JSON.parse(stored.names);
    const objects: number[][] = JSON.parse(stored.objects);
    const masks: { size: [number, number]; counts: string }[] | null = JSON.parse(
      stored.masks ?? "null",
    );
    return new Detections({
      names,
      classIds: Int32Array.from(objects, ([classId]) => classId!),
      scores: Float32Array.from(objects, ([, score]) => score!),
      boxesXyxy: Float32Array.from(objects.flatMap((object) => object.slice(2, 6))),
      masks: masks?.map(
        ({ size: [heightPx, widthPx], counts }) =>
          new Mask({ widthPx, heightPx, counts: fromCocoCounts(counts) }),
      ),
    });
  } catch (cause) {
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected stored detections in the results file, got ${(cause as Error).message}. ` +
        "The file is damaged.",
      { cause },
    );
  }
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
