import type { FailedPhoto } from "../../ledger/results/failed-photos.ts";
import { toHundredths, toScore } from "../../ledger/results/stored-objects.ts";
import type { StoredResult } from "../../ledger/results/stored-results.ts";
import { perMegapixel } from "../../pipeline/count/density.ts";
import { coveredPx, shareOfPhoto } from "../mask-areas.ts";
import { countInRegion } from "../region-counts.ts";

import { captureCells, captureColumns, placeColumns } from "./capture-cells.ts";
import type { ColumnType, Row } from "./table-row.ts";

/** Results as rows, for CSV and Parquet. */
export interface ResultTable {
  readonly columns: { readonly [name: string]: ColumnType };
  rowsOf(result: StoredResult): Iterable<Row>;
  /** The rows of a failed photo; most tables have none. */
  rowsOfFailure?(photo: FailedPhoto): Iterable<Row>;
}

export type TableName = "counts" | "photos" | "regions" | "objects";

/** The tables by name; docs/results.md explains the columns. */
export const resultTables: { readonly [name in TableName]: ResultTable } = {
  counts: {
    columns: {
      photo: "text",
      region: "integer",
      region_class: "text",
      class: "text",
      count: "integer",
      area_px: "integer",
      count_per_megapixel: "number",
      ...placeColumns,
    },
    rowsOf: countRows,
  },
  photos: {
    columns: {
      photo: "text",
      state: "text",
      width_px: "integer",
      height_px: "integer",
      objects: "integer",
      regions: "integer",
      slices: "integer",
      mean_score: "number",
      lowest_score: "number",
      device: "text",
      fallback_reason: "text",
      timings_ms: "text",
      counted_at: "time",
      sha256: "text",
      reason_code: "text",
      reason_message: "text",
      duplicate_of: "text",
      warnings: "text",
      covered_px: "integer",
      covered_share: "number",
      ...captureColumns,
    },
    rowsOf: photoRows,
    rowsOfFailure: ({ source, reason: { code, message }, capture }) => [
      {
        photo: source,
        state: "failed",
        reason_code: code,
        reason_message: message,
        ...captureCells(capture),
      },
    ],
  },
  regions: {
    columns: {
      photo: "text",
      region: "integer",
      class: "text",
      score: "number",
      left_px: "number",
      top_px: "number",
      right_px: "number",
      bottom_px: "number",
      area_px: "integer",
      objects: "integer",
    },
    rowsOf: regionRows,
  },
  objects: {
    columns: {
      photo: "text",
      object: "integer",
      class: "text",
      score: "number",
      left_px: "number",
      top_px: "number",
      right_px: "number",
      bottom_px: "number",
      region: "integer",
      area_px: "integer",
      photo_share: "number",
    },
    rowsOf: objectRows,
  },
};

/**
 * One row for each class of which there are objects, on the photo and in each of its regions; one
 * row of zero where there are none, so that no photo and no region is missing.
 */
function* countRows({
  source,
  widthPx,
  heightPx,
  counts,
  regions = [],
  objects: { names },
  capture,
}: StoredResult): Iterable<Row> {
  const photo = { number: 0, name: undefined, areaPx: widthPx * heightPx };
  // Only of a model with one class it is known which class has no objects.
  const nothing = { name: names.length === 1 ? names[0] : undefined, count: 0 };
  for (const { number, name: regionClass, areaPx } of [photo, ...regions]) {
    const found = counts.filter(({ region, count }) => region === number && count > 0);
    for (const { name, count } of found.length > 0 ? found : [nothing]) {
      const density = perMegapixel(count, areaPx);
      yield {
        photo: source,
        region: number,
        region_class: regionClass,
        class: name,
        count,
        area_px: areaPx,
        count_per_megapixel: density === undefined ? undefined : round(density, 1e3),
        ...captureCells(capture),
      };
    }
  }
}

function* photoRows(result: StoredResult): Iterable<Row> {
  const { objects } = result;
  const scoreSum = objects.scores.reduce((sum, score) => sum + score, 0);
  const covered = coveredPx(objects);
  yield {
    photo: result.source,
    state: "done",
    width_px: result.widthPx,
    height_px: result.heightPx,
    objects: objects.length,
    regions: result.regions?.length,
    slices: result.sliceCount,
    mean_score: objects.length > 0 ? toScore(scoreSum / objects.length) : undefined,
    // Best first.
    lowest_score: objects.length > 0 ? toScore(objects.scores.at(-1)!) : undefined,
    device: result.device,
    fallback_reason: result.fallbackReason,
    timings_ms: JSON.stringify(result.timingsMs),
    counted_at: result.createdAt,
    sha256: result.contentSha256,
    duplicate_of: result.duplicateOf,
    warnings: result.warnings?.join(" "),
    covered_px: covered,
    covered_share: covered === undefined ? undefined : round(covered / photoPx(result), 1e6),
    ...captureCells(result.capture),
  };
}

function* regionRows(result: StoredResult): Iterable<Row> {
  const { source, regions = [] } = result;
  for (const { number, name, score, boxXyxy, areaPx } of regions) {
    yield {
      photo: source,
      region: number,
      class: name,
      score: toScore(score),
      ...boxCells(boxXyxy),
      area_px: areaPx,
      objects: countInRegion(result, number),
    };
  }
}

function* objectRows({ source, objects, objectRegions }: StoredResult): Iterable<Row> {
  for (const [index, { name, score, boxXyxy, mask }] of [...objects].entries()) {
    yield {
      photo: source,
      object: 1 + index,
      class: name,
      score: toScore(score),
      ...boxCells(boxXyxy),
      region: objectRegions?.[index],
      area_px: mask?.areaPx,
      photo_share: mask && shareOfPhoto(mask),
    };
  }
}

function photoPx({ widthPx, heightPx }: StoredResult): number {
  return widthPx * heightPx;
}

function boxCells(boxXyxy: readonly number[]) {
  const [left_px, top_px, right_px, bottom_px] = boxXyxy.map(toHundredths);
  return { left_px, top_px, right_px, bottom_px };
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
