import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guardWriting } from "../../base/files/disk-full.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import type { FailedPhoto } from "../../ledger/results/failed-photos.ts";
import { readFailures } from "../../ledger/results/stored-results.ts";
import {
  type ReadChosenResultsOptions,
  readChosenResults,
} from "../../ledger/review/counts/corrected-results.ts";
import { estimateToJson } from "../review/estimate-json.ts";
import { readEstimateOfRecipe } from "../review/review-estimate.ts";
import type { ScaledResult, ScaleOf } from "../scale/photo-scale.ts";
import { type CamtrapOptions, writeCamtrapDp } from "./camera-traps/camtrap-dp.ts";
import { toMegaDetector } from "./camera-traps/megadetector.ts";
import { toPlaces } from "./camera-traps/places.ts";
import { type ExportFormat, exportFormats, type FolderFormat } from "./export-formats.ts";
import { chooseHardest } from "./hardest.ts";
import { type SpooledText, toCoco } from "./labels/coco.ts";
import { writeCrops } from "./labels/crops.ts";
import { toCvat } from "./labels/cvat.ts";
import type { ExportedResult, PhotoPlacing } from "./labels/exported-photo.ts";
import { toGeoJson } from "./labels/geojson.ts";
import { toLabelStudio } from "./labels/label-studio.ts";
import { writeYolo } from "./labels/yolo.ts";
import { OutputFile, type OutputSink, writePieces } from "./output-file.ts";
import { nameFolder, nameRelativeTo } from "./relative-names.ts";
import { toCsv } from "./tables/csv.ts";
import { writeParquet } from "./tables/parquet.ts";
import { type ExportedTable, type TableName, tableOf } from "./tables/result-tables.ts";
import type { Row } from "./tables/table-row.ts";
import { writeXlsx } from "./tables/xlsx.ts";

export interface ExportResultsOptions
  extends PhotoSelection,
    Pick<ReadChosenResultsOptions, "question" | "counts" | "isReviewedOnly"> {
  readonly format: ExportFormat;
  /** Of CSV and Parquet. Default: the format's. */
  readonly table?: TableName | undefined;
  /** For CSV: begin with a byte order mark, without which Excel garbles letters beyond ASCII. */
  readonly excel?: boolean | undefined;
  /** Of YOLO: another column with the score. Default false. */
  readonly scores?: boolean | undefined;
  /** Of COCO and YOLO: polygons of masks, in place of run lengths or boxes. Default false. */
  readonly polygons?: boolean | undefined;
  /** Of YOLO: put the photos beside the labels. Default: they are left to the user. */
  readonly photos?: PhotoPlacing | undefined;
  /** Of YOLO: the share of photos that are trained with. Default: one folder of all. */
  readonly split?: number | undefined;
  /** Of Label Studio: what comes before each photo's name, as in `/data/local-files/?d=`. */
  readonly imagePrefix?: string | undefined;
  /** Of crops: the surroundings that they show, as a share of the box's sides. Default 0.1. */
  readonly margin?: number | undefined;
  /** Of labels: as many photos as this, with the most objects of doubtful score. Default: all. */
  readonly hardest?: number | undefined;
  /** Of Camtrap DP: what photos do not say. */
  readonly camtrap?: CamtrapOptions | undefined;
  /** Where scales come from. Default: none is known. */
  readonly scaleOf?: ScaleOf | undefined;
  /** A folder or URL that photos are named relative to. Default: their whole sources. */
  readonly relativeTo?: string | undefined;
  readonly recipeHash: string;
  /** The recipe's name. Default: the beginning of its hash. */
  readonly recipeName?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo. */
  readonly onPhoto?: (() => void) | undefined;
}

/**
 * Writes the results of one recipe to a path: a file, or for YOLO and crops a folder. It appears
 * whole or not at all. Memory stays bounded for any number of photos.
 *
 * @throws `INVALID_ARGUMENT`, `NO_SPACE`, `LEDGER_*`, or the signal's reason.
 */
export async function exportResults(
  ledger: Ledger,
  path: string,
  options: ExportResultsOptions,
): Promise<void> {
  const { format, relativeTo } = options;
  const written = { ...options, folder: path, keepsFolders: relativeTo !== undefined };
  if (format === "yolo") return await writeYolo(results(ledger, options), written);
  if (format === "camtrap-dp") {
    const { recipeHash, camtrap } = options;
    const nameOfFolder = (place: string) => nameFolder(place, relativeTo);
    const described = { ...camtrap, folder: path, recipeHash, nameOfFolder };
    return await writeCamtrapDp(results(ledger, options), described);
  }
  if (format === "crops") return await writeCrops(results(ledger, options), written);
  await using file = await OutputFile.create(path);
  await writeResults(ledger, file, { ...options, format });
  await file.finish();
}

/** Writes the results of one recipe to a sink, in any format that is no folder. */
export async function writeResults(
  ledger: Ledger,
  sink: OutputSink,
  options: ExportResultsOptions & { readonly format: Exclude<ExportFormat, FolderFormat> },
): Promise<void> {
  const { format, recipeHash, question, counts = "predicted" } = options;
  switch (format) {
    case "csv":
    case "xlsx":
    case "parquet": {
      const name = options.table ?? exportFormats[format].table!;
      const table = tableOf(name);
      const columns = { ...table.columns, ...countsColumn };
      const written = rows(ledger, table, options);
      if (format === "parquet") return await writeParquet(sink, columns, written);
      if (format === "xlsx") return await writeXlsx(sink, { name, columns }, written);
      const byteOrderMark = options.excel;
      return await writePieces(toCsv(Object.keys(columns), written, { byteOrderMark }), sink);
    }
    case "label-studio":
      return await writePieces(toLabelStudio(results(ledger, options), options), sink);
    case "cvat":
      return await withSpool(async (images) => {
        await writePieces(toCvat(results(ledger, options), images, counts), sink);
      });
    case "places":
      return await writePieces(toPlaces(results(ledger, options), counts), sink);
    case "megadetector": {
      const detector = options.recipeName ?? recipeHash.slice(0, 8);
      const failures = failedPhotos(ledger, options);
      return await writePieces(
        toMegaDetector(results(ledger, options), { detector, failures }),
        sink,
      );
    }
    case "geojson":
      return await writePieces(
        toGeoJson(results(ledger, options), {
          recipeHash,
          question,
          counts,
          review: await estimateOf(ledger, options),
        }),
        sink,
      );
    case "coco":
      return await withSpool(async (images) => {
        const { polygons } = options;
        const written = toCoco(results(ledger, options), {
          recipeHash,
          question,
          counts,
          review: await estimateOf(ledger, options),
          polygons,
          images,
        });
        await writePieces(written, sink);
      });
  }
}

/** What the newest reviewed sample says of all photos. */
async function estimateOf(
  ledger: Ledger,
  options: Pick<ExportResultsOptions, "recipeHash" | "signal">,
): Promise<object | undefined> {
  const estimate = await readEstimateOfRecipe(ledger, options);
  return estimate?.all.total && estimateToJson(estimate);
}

async function* results(
  ledger: Ledger,
  options: ExportResultsOptions,
): AsyncGenerator<ScaledResult & ExportedResult> {
  const { onPhoto, relativeTo, scaleOf, hardest: limit } = options;
  const { question, counts, isReviewedOnly } = options;
  const asked = { ...entriesOf(options), question };
  const hardest =
    limit === undefined ? undefined : await chooseHardest(ledger, { ...asked, limit });
  for await (const result of readChosenResults(ledger, { ...asked, counts, isReviewedOnly })) {
    asked.signal?.throwIfAborted();
    const { source: origin } = result;
    if (hardest?.has(origin) === false) continue;
    yield { ...nameRelativeTo(result, relativeTo), origin, scale: scaleOf?.(result) };
    onPhoto?.();
  }
}

/** Which photos are exported, of which recipe. */
function entriesOf(options: ExportResultsOptions) {
  const { recipeHash, under, takenAfter, takenBefore, countDuplicatesOnce, signal } = options;
  return { recipeHash, under, takenAfter, takenBefore, countDuplicatesOnce, signal };
}

/** The last column of all tables: whose counts these are. */
const countsColumn = { counts: "text" } as const;

async function* rows(
  ledger: Ledger,
  table: ExportedTable,
  options: ExportResultsOptions,
): AsyncGenerator<Row> {
  const { counts = "predicted" } = options;
  for await (const row of rowsOfTable(ledger, table, options)) yield { ...row, counts };
}

async function* rowsOfTable(
  ledger: Ledger,
  { rowsOf, rowsOfFailure, rowsAtEnd }: ExportedTable,
  options: ExportResultsOptions,
): AsyncGenerator<Row> {
  for await (const result of results(ledger, options)) yield* rowsOf(result);
  if (rowsOfFailure === undefined || options.isReviewedOnly) return;
  for await (const photo of failedPhotos(ledger, options)) yield* rowsOfFailure(photo);
  if (rowsAtEnd !== undefined) yield* rowsAtEnd();
}

async function* failedPhotos(
  ledger: Ledger,
  options: ExportResultsOptions,
): AsyncGenerator<FailedPhoto> {
  const { onPhoto, relativeTo } = options;
  const { countDuplicatesOnce, ...asked } = entriesOf(options);
  for await (const photo of readFailures(ledger, asked)) {
    yield nameRelativeTo(photo, relativeTo);
    onPhoto?.();
  }
}

/** Gives `write` a place for text that is known before what comes first in the file. */
async function withSpool(write: (spool: SpooledText) => Promise<void>): Promise<void> {
  const parent = tmpdir();
  const folder = await guardWriting(parent, () => mkdtemp(join(parent, "orangery-export-")), {
    advice: "A part of the export is kept there for a while; name another folder in TMPDIR.",
  });
  try {
    await using file = await OutputFile.create(join(folder, "images"));
    const spool = {
      write: (piece: string | Uint8Array) => file.write(piece),
      read: async function* () {
        await file.finish();
        yield* createReadStream(file.path, "utf8") as AsyncIterable<string>;
      },
    };
    await write(spool);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
