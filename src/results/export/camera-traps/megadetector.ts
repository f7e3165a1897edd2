import type { FailedPhoto } from "../../../ledger/results/failed-photos.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { lineSeparator } from "../json-lines.ts";

export interface MegaDetectorOptions {
  /** The name of the detector, for programs that choose thresholds by it. */
  readonly detector: string;
  readonly failures: AsyncIterable<FailedPhoto>;
}

/**
 * Writes results in MegaDetector's format 1.6, which Timelapse and other programs for camera traps
 * read. Boxes are shares of the photo's size. Categories are the classes, numbered from 1, as those
 * of MegaDetector itself are: animal, person, vehicle.
 */
export async function* toMegaDetector(
  results: AsyncIterable<StoredResult>,
  { detector, failures }: MegaDetectorOptions,
): AsyncGenerator<string> {
  const names: string[] = [];
  let lastResultAt = "";
  const separator = lineSeparator();
  yield '{"images":[';
  for await (const result of results) {
    for (let id = names.length; id < result.objects.names.length; id++) {
      names.push(result.objects.nameOf(id));
    }
    if (result.createdAt > lastResultAt) lastResultAt = result.createdAt;
    yield separator() + toImage(result);
  }
  for await (const { source: file, reason } of failures) {
    yield separator() + JSON.stringify({ file, failure: reason.code, detections: null });
  }
  const info = {
    format_version: "1.6",
    detector,
    detection_completion_time: lastResultAt.slice(0, 19).replace("T", " "),
  };
  // A category without a name is refused by validators.
  const categories = names.map((name, id) => [1 + id, name.trim() === "" ? `class ${id}` : name]);
  const tail = { detection_categories: Object.fromEntries(categories), info };
  yield `\n],${JSON.stringify(tail).slice(1)}\n`;
}

function toImage({ source: file, objects, widthPx, heightPx, capture }: StoredResult): string {
  const detections = Array.from(objects, ({ classId, score, boxXyxy: [x1, y1, x2, y2] }) => {
    const [left, right] = [clamp(x1! / widthPx), clamp(x2! / widthPx)];
    const [top, bottom] = [clamp(y1! / heightPx), clamp(y2! / heightPx)];
    const bbox = [left, top, right - left, bottom - top].map((share) => Number(share.toFixed(5)));
    // Always written with a decimal point: Python readers would take a whole number for another
    // type.
    return `{"category":"${1 + classId}","conf":${score.toFixed(5)},"bbox":[${bbox.join(",")}]}`;
  });
  const datetime = capture.takenAt?.slice(0, 19).replaceAll("-", ":").replace("T", " ");
  const image = JSON.stringify({ file, datetime }).slice(0, -1);
  return `${image},"detections":[${detections.join(",")}]}`;
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}
