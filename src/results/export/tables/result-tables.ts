import type { FailedPhoto } from "../../../ledger/results/failed-photos.ts";
import { toHundredths, toScore } from "../../../ledger/results/stored-objects.ts";
import { perMegapixel } from "../../../pipeline/count/density.ts";
import { coveredPx, shareOfPhoto } from "../../mask-areas.ts";
import { countInRegion } from "../../region-counts.ts";
import { type ScaledResult, toSquareMetres } from "../../scale/photo-scale.ts";

import { captureCells, captureColumnKinds, placeColumns } from "./capture-cells.ts";
import type { ColumnType, Row } from "./table-row.ts";
import { isTotalsTable, type TotalsTableName, totalsTable } from "./totals-tables.ts";

/** Results as rows, for CSV and Parquet. */
export interface ExportedTable {
  readonly columns: { readonly [name: string]: ColumnType };
  readonly rowsOf: (result: ScaledResult) => Iterable<Row>;
  /** The rows of a failed photo; most tables have none. */
  readonly rowsOfFailure?: ((photo: FailedPhoto) => Iterable<Row>) | undefined;
  /** The rows that are known when all photos were read. */
  readonly rowsAtEnd?: (() => Iterable<Row>) | undefined;
}

type PhotoTableName = "counts" | "photos" | "regions" | "objects";

export type TableName = PhotoTableName | TotalsTableName;

/** Returns a table, to be filled once; docs/results.md explains the columns. */
export function tableOf(name: TableName): ExportedTable {
  return isTotalsTable(name) ? totalsTable(name) : photoTables[name];
}

/** The tables with rows of their own for each photo. */
const photoTables: { readonly [name in PhotoTableName]: ExportedTable } = {
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
      area_m2: "number",
      count_per_m2: "number",
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
      ...captureColumnKinds,
      pixels_per_metre: "number",
      scale_from: "text",
      area_m2: "number",
      covered_m2: "number",
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
      area_m2: "number",
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
      area_m2: "number",
      region_class: "text",
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
  scale,
}: ScaledResult): Iterable<Row> {
  const photo = { number: 0, name: undefined, areaPx: widthPx * heightPx };
  // Only with a single class is it known which class has no objects.
  const nothing = { name: names.length === 1 ? names[0] : undefined, count: 0 };
  for (const { number, name: regionClass, areaPx } of [photo, ...regions]) {
    const found = counts.filter(({ region, count }) => region === number && count > 0);
    const areaM2 = toSquareMetres(areaPx, scale);
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
        area_m2: areaM2,
        count_per_m2: areaM2 === undefined || areaM2 === 0 ? undefined : round(count / areaM2, 1e6),
      };
    }
  }
}

function* photoRows(result: ScaledResult): Iterable<Row> {
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
    pixels_per_metre: result.scale?.pixelsPerMetre,
    scale_from: result.scale?.from,
    area_m2: toSquareMetres(photoPx(result), result.scale),
    covered_m2: covered === undefined ? undefined : toSquareMetres(covered, result.scale),
  };
}

function* regionRows(result: ScaledResult): Iterable<Row> {
  const { source, regions = [], scale } = result;
  for (const { number, name, score, boxXyxy, areaPx } of regions) {
    yield {
      photo: source,
      region: number,
      class: name,
      score: toScore(score),
      ...boxCells(boxXyxy),
      area_px: areaPx,
      objects: countInRegion(result, number),
      area_m2: toSquareMetres(areaPx, scale),
    };
  }
}

function* objectRows(result: ScaledResult): Iterable<Row> {
  const { source, objects, objectRegions, regions, scale } = result;
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
      area_m2: mask && toSquareMetres(mask.areaPx, scale),
      region_class: regions?.[(objectRegions?.[index] ?? 0) - 1]?.name,
    };
  }
}

function photoPx({ widthPx, heightPx }: ScaledResult): number {
  return widthPx * heightPx;
}

function boxCells(boxXyxy: readonly number[]) {
  const [left_px, top_px, right_px, bottom_px] = boxXyxy.map(toHundredths);
  return { left_px, top_px, right_px, bottom_px };
}

function round(value: number, steps: number): number {
  return Math.round(value * steps) / steps;
}
