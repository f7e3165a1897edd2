import { formatPlural } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import {
  type ExportFormat,
  type ExportResultsOptions,
  exportFormats,
  exportResults,
  writeResults,
} from "../../../results/export/export-results.ts";
import { type TableName, tableOf } from "../../../results/export/result-tables.ts";
import { displayPath, fromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import {
  pathBeside,
  type QuestionArguments,
  readQuestion,
  readSelection,
  resultsFromCaller,
  type SelectionArguments,
} from "../../options/results-options.ts";
import { givenScales, readScale, type ScaleArguments } from "../../options/scale-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { recipeFromCaller, refuseToReplace } from "./choose-results.ts";

export interface ExportResultsArguments
  extends SelectionArguments,
    QuestionArguments,
    ScaleArguments {
  readonly format: ExportFormat;
  readonly rows?: TableName;
  readonly scores?: boolean;
  readonly excel?: boolean;
  readonly out?: string;
  readonly relativeTo?: string;
  readonly quiet?: boolean;
}

/** Runs `orangery export-results`; resolves to the exit status. */
export async function exportResultsCommand(
  output: StandardOutput,
  results: string,
  options: ExportResultsArguments,
): Promise<number> {
  const { format, rows: table, scores, excel } = options;
  checkOptions(options);
  using progress = new ProgressDisplay({ quiet: options.quiet });
  const location = resultsFromCaller(results);
  return await interruptible(async ({ stop: signal }) => {
    await using ledger = await openLedger(location, { readOnly: true });
    const selection = readSelection(options);
    const recipe = await recipeFromCaller(ledger, options.recipe, selection);
    const { hash: recipeHash, done, failed } = recipe;
    const hasFailures = table !== undefined && tableOf(table).rowsOfFailure !== undefined;
    const total = hasFailures ? done + failed : done;
    progress.setTotals({ total, done: 0, failed: 0 });
    let photos = 0;
    const onPhoto = () => {
      photos++;
      progress.photoDone();
    };
    const relativeTo = options.relativeTo && photoFromCaller(options.relativeTo);
    const question = readQuestion(options);
    const scaleOf = await readScale(options, relativeTo);
    const what = {
      ...selection,
      question,
      scaleOf,
      format,
      table,
      scores,
      excel,
      relativeTo,
      recipeHash,
    };
    const exported = { ...what, signal, onPhoto };
    if (options.out === "-") {
      await writeToOutput(output, ledger, exported);
      return exitStatus.ok;
    }
    const out =
      options.out === undefined ? pathBeside(location, suffixOf(options)) : fromCaller(options.out);
    await refuseToReplace(location, out);
    await exportResults(ledger, out, exported);
    progress[Symbol.dispose]();
    await output.write(`Wrote ${displayPath(out)}: ${formatPlural(photos, "photo")}\n`);
    return exitStatus.ok;
  });
}

function checkOptions(options: ExportResultsArguments): void {
  const { format, rows, scores, excel, out } = options;
  const { table, isText } = exportFormats[format];
  if (rows !== undefined && table === undefined) throw onlyFor("--rows", "csv and parquet", format);
  if (scores && format !== "yolo") throw onlyFor("--scores", "yolo", format);
  if (excel && format !== "csv") throw onlyFor("--excel", "csv", format);
  const [scale] = givenScales(options);
  if (scale !== undefined && format === "yolo") {
    throw onlyFor(scale, "csv, parquet, coco and geojson", format);
  }
  if (out === "-" && !isText) throw onlyFor("--out -", "csv, coco and geojson", format);
}

function onlyFor(option: string, formats: string, format: ExportFormat): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${option} with --format ${formats} only, got it with ${format}. Leave it out.`,
  );
}

/** The suffix of the file: `-photos.csv` for another table than the default. */
function suffixOf({ format, rows }: ExportResultsArguments): string {
  const { suffix, table } = exportFormats[format];
  return rows === undefined || rows === table ? suffix : `-${rows}${suffix}`;
}

/** Ends quietly when the reader has gone, as in `… | head`. */
async function writeToOutput(
  output: StandardOutput,
  ledger: Ledger,
  { format, ...options }: ExportResultsOptions,
): Promise<void> {
  if (format === "yolo") return;
  const closed = new Error("Standard output is closed.");
  const write = async (piece: string | Uint8Array) => {
    await output.write(typeof piece === "string" ? piece : Buffer.from(piece).toString());
    if (output.isClosed) throw closed;
  };
  try {
    await writeResults(ledger, { write }, { ...options, format });
  } catch (error) {
    if (error !== closed) throw error;
  }
}
