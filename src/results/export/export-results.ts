import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guardWriting } from "../../base/files/disk-full.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import {
  type ReadResultsOptions,
  readFailures,
  readResults,
  type StoredResult,
} from "../../ledger/results/stored-results.ts";
import type { ScaledResult, ScaleOf } from "../scale/photo-scale.ts";
import { toCoco } from "./coco.ts";
import { toCsv } from "./csv.ts";
import { toGeoJson } from "./geojson.ts";
import { OutputFile, type OutputSink } from "./output-file.ts";
import { writeParquet } from "./parquet.ts";
import { nameRelativeTo } from "./relative-names.ts";
import { type ResultTable, type TableName, tableOf } from "./result-tables.ts";
import type { Row } from "./table-row.ts";
import { writeYolo } from "./yolo.ts";

export type ExportFormat = "csv" | "coco" | "yolo" | "geojson" | "parquet";

interface Format {
  /** Follows the name of the results file. */
  readonly suffix: string;
  /** The default table; undefined for a format without tables. */
  readonly table?: TableName;
  /** Whether it can be written to a pipe. */
  readonly isText: boolean;
}

const defaultTables = { csv: "counts", parquet: "objects" } as const;

export const exportFormats: { readonly [format in ExportFormat]: Format } = {
  csv: { suffix: ".csv", table: defaultTables.csv, isText: true },
  coco: { suffix: ".coco.json", isText: true },
  yolo: { suffix: "-yolo", isText: false },
  geojson: { suffix: ".geojson", isText: true },
  parquet: { suffix: ".parquet", table: defaultTables.parquet, isText: false },
};

export interface ExportResultsOptions extends PhotoSelection, Pick<ReadResultsOptions, "question"> {
  readonly format: ExportFormat;
  /** Of CSV and Parquet. Default: the format's. */
  readonly table?: TableName | undefined;
  /** For CSV: begin with a byte order mark, without which Excel garbles letters beyond ASCII. */
  readonly excel?: boolean | undefined;
  /** Of YOLO: a sixth column with the score. Default false. */
  readonly scores?: boolean | undefined;
  /** Where scales come from. Default: none is known. */
  readonly scaleOf?: ScaleOf | undefined;
  /** A folder or URL that photos are named relative to. Default: their whole sources. */
  readonly relativeTo?: string | undefined;
  readonly recipeHash: string;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo. */
  readonly onPhoto?: (() => void) | undefined;
}

/**
 * Writes the results of one recipe to a path: a file, or for YOLO a folder. It appears whole or not
 * at all. Memory stays bounded for any number of photos.
 *
 * @throws `INVALID_ARGUMENT`, `NO_SPACE`, `LEDGER_*`, or the signal's reason.
 */
export async function exportResults(
  ledger: Ledger,
  path: string,
  options: ExportResultsOptions,
): Promise<void> {
  const { format, scores, relativeTo } = options;
  if (format === "yolo") {
    const keepsFolders = relativeTo !== undefined;
    return await writeYolo(results(ledger, options), { folder: path, scores, keepsFolders });
  }
  await using file = await OutputFile.create(path);
  await writeResults(ledger, file, { ...options, format });
  await file.finish();
}

/** Writes the results of one recipe to a sink, in any format but YOLO. */
export async function writeResults(
  ledger: Ledger,
  sink: OutputSink,
  options: ExportResultsOptions & { readonly format: Exclude<ExportFormat, "yolo"> },
): Promise<void> {
  const { format, recipeHash } = options;
  switch (format) {
    case "csv":
    case "parquet": {
      const table = tableOf(options.table ?? defaultTables[format]);
      const written = rows(ledger, table, options);
      return format === "csv"
        ? await pipe(
            toCsv(Object.keys(table.columns), written, { byteOrderMark: options.excel }),
            sink,
          )
        : await writeParquet(sink, table.columns, written);
    }
    case "geojson":
      return await pipe(toGeoJson(results(ledger, options), { recipeHash }), sink);
    case "coco":
      return await writeCoco(results(ledger, options), sink, recipeHash);
  }
}

async function* results(
  ledger: Ledger,
  options: ExportResultsOptions,
): AsyncGenerator<ScaledResult> {
  const { signal, onPhoto, relativeTo, scaleOf } = options;
  for await (const result of readResults(ledger, options)) {
    signal?.throwIfAborted();
    yield { ...nameRelativeTo(result, relativeTo), scale: scaleOf?.(result) };
    onPhoto?.();
  }
}

async function* rows(
  ledger: Ledger,
  { rowsOf, rowsOfFailure, rowsAtEnd }: ResultTable,
  options: ExportResultsOptions,
): AsyncGenerator<Row> {
  for await (const result of results(ledger, options)) yield* rowsOf(result);
  if (rowsOfFailure === undefined) return;
  const { onPhoto, relativeTo } = options;
  for await (const photo of readFailures(ledger, options)) {
    yield* rowsOfFailure(nameRelativeTo(photo, relativeTo));
    onPhoto?.();
  }
  if (rowsAtEnd !== undefined) yield* rowsAtEnd();
}

async function pipe(pieces: AsyncIterable<string>, sink: OutputSink): Promise<void> {
  for await (const piece of pieces) await sink.write(piece);
}

async function writeCoco(
  results: AsyncIterable<StoredResult>,
  sink: OutputSink,
  recipeHash: string,
): Promise<void> {
  const parent = tmpdir();
  const folder = await guardWriting(parent, () => mkdtemp(join(parent, "orangery-coco-")), {
    advice: "A part of the export is kept there for a while; name another folder in TMPDIR.",
  });
  try {
    await using file = await OutputFile.create(join(folder, "images"));
    const images = {
      write: (piece: string | Uint8Array) => file.write(piece),
      read: async function* () {
        await file.finish();
        yield* createReadStream(file.path, "utf8") as AsyncIterable<string>;
      },
    };
    await pipe(toCoco(results, { recipeHash, images }), sink);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
