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
import type { TableName } from "../../../results/export/result-tables.ts";
import { displayPath, fromCaller } from "../../options/caller-folder.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { formatPlural } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import {
  pathBeside,
  recipeFromCaller,
  refuseToReplace,
  resultsFromCaller,
} from "./choose-results.ts";

export interface ExportResultsArguments {
  readonly format: ExportFormat;
  readonly rows?: TableName;
  readonly scores?: boolean;
  readonly out?: string;
  readonly recipe?: string;
  readonly quiet?: boolean;
}

/** Does what `orangery export-results` was asked for; resolves to the exit status. */
export async function exportResultsCommand(
  output: StandardOutput,
  results: string,
  options: ExportResultsArguments,
): Promise<number> {
  checkOptions(options);
  using progress = new ProgressDisplay({ quiet: options.quiet });
  using interrupts = new Interrupts({ onInterrupt: () => {} });
  const location = resultsFromCaller(results);
  try {
    await using ledger = await openLedger(location, { readOnly: true });
    const recipe = await recipeFromCaller(ledger, options.recipe);
    const writesSetAside = options.rows === "photos";
    const total = recipe.done + (writesSetAside ? recipe.setAside : 0);
    progress.setTotals({ total, done: 0, setAside: 0 });
    let photos = 0;
    const exported: ExportResultsOptions = {
      format: options.format,
      table: options.rows,
      scores: options.scores,
      recipeHash: recipe.hash,
      signal: interrupts.stop,
      onPhoto: () => {
        photos++;
        progress.photoDone();
      },
    };
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
  } catch (error) {
    if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
    throw error;
  }
}

function checkOptions({ format, rows, scores, out }: ExportResultsArguments): void {
  const { table, isText } = exportFormats[format];
  if (rows !== undefined && table === undefined) throw onlyFor("--rows", "csv and parquet", format);
  if (scores && format !== "yolo") throw onlyFor("--scores", "yolo", format);
  if (out === "-" && !isText) throw onlyFor("--out -", "csv, coco and geojson", format);
}

function onlyFor(option: string, formats: string, format: ExportFormat): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${option} with --format ${formats} only, got it with ${format}. Leave it out.`,
  );
}

/** `-photos.csv` where another table is named than the one that is the format's. */
function suffixOf({ format, rows }: ExportResultsArguments): string {
  const { suffix, table } = exportFormats[format];
  return rows === undefined || rows === table ? suffix : `-${rows}${suffix}`;
}

/** Ends quietly when nobody reads any more, as in `… | head`. */
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
