import { basename } from "node:path";
import { printable } from "../../../base/printable.ts";
import { formatCount } from "../../../base/quantities.ts";
import type { Prediction } from "../../../models/yolo/yolo-model.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { formatTable } from "../../output/table.ts";

export type MaskForm = "rle" | "polygon" | "none";

/** What was found on a photo, whole or in slices. */
export interface PrintedPrediction extends Prediction {
  readonly sliceCount?: number;
}

/** Rows in the table of a photo. */
const shownDetections = 10;

/**
 * Converts a prediction to JSON: `image` as it was given, boxes in photo pixels to 0.01, scores to
 * 0.00001, times in ms to 0.1; a mask as uncompressed COCO run lengths or as a list of polygons;
 * `slices` where the photo was sliced; `reachedMaxDetections` as in the lines of `orangery run`,
 * and `reachedNetworkLimit`, where they are true.
 */
export function toPredictionJson(
  image: string,
  prediction: PrintedPrediction,
  masks: MaskForm,
): object {
  const { widthPx, heightPx, model, device, detections, sliceCount, timingsMs } = prediction;
  return {
    image,
    width: widthPx,
    height: heightPx,
    model: { ...model, file: basename(model.file) },
    device,
    slices: sliceCount,
    reachedMaxDetections: prediction.reachedMaxDetections || undefined,
    reachedNetworkLimit: prediction.reachedNetworkLimit || undefined,
    detections: Array.from(detections, ({ classId, name, score, boxXyxy, mask }) => ({
      classId,
      name,
      score: round(score, 1e5),
      boxXyxy: boxXyxy.map((value) => round(value, 100)),
      ...(mask && masks !== "none" && { mask: toMaskJson(mask, masks) }),
    })),
    timingsMs: Object.fromEntries(
      Object.entries(timingsMs).map(([step, ms]) => [step, round(ms, 10)]),
    ),
  };
}

/** Formats a heading, the best detections, and a count of each name. */
export function formatPredictionTable(image: string, prediction: PrintedPrediction): string {
  const { widthPx, heightPx, model, device, detections, timingsMs } = prediction;
  const heading =
    `${printable(image)}  ${widthPx} × ${heightPx} px, ` +
    `${printable(basename(model.file))} on ${device}, ${timingsMs.total.toFixed(0)} ms\n`;
  if (detections.length === 0) return `${heading}  nothing found\n`;
  const rows = Array.from(detections)
    .slice(0, shownDetections)
    .map(({ name, score, boxXyxy }) => [
      `  ${printable(name)}`,
      score.toFixed(3),
      ...boxXyxy.map((value) => value.toFixed(1)),
    ]);
  const columns = ["score", "left", "top", "right", "bottom"].map((title) => ({
    title,
    align: "right" as const,
  }));
  const hidden = detections.length - rows.length;
  const more = hidden > 0 ? `  … ${formatCount(hidden)} more\n` : "";
  const { reachedMaxDetections, reachedNetworkLimit } = prediction;
  const plus = reachedMaxDetections || reachedNetworkLimit ? "+" : "";
  const counts = [...detections.countByName()]
    .map(([name, count]) => `${formatCount(count)}${plus} × ${printable(name)}`)
    .join(", ");
  return `${heading}${formatTable([{ title: "  name" }, ...columns], rows)}${more}  ${counts}\n`;
}

function toMaskJson(mask: Mask, form: "rle" | "polygon"): object {
  return form === "rle" ? mask.toRle() : mask.toPolygons();
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
