import { formatPlural } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import {
  type CorrectedPhotos,
  countCorrectedPhotos,
} from "../../../ledger/review/counts/corrected-counts.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import {
  type ExportFormat,
  exportFormats,
  type FormatOption,
  isFolderFormat,
} from "../../../results/export/export-formats.ts";
import {
  type ExportResultsOptions,
  exportResults,
  writeResults,
} from "../../../results/export/export-results.ts";
import type { PhotoPlacing } from "../../../results/export/labels/exported-photo.ts";
import { type TableName, tableOf } from "../../../results/export/tables/result-tables.ts";
import { displayPath, fromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import {
  type CamtrapArguments,
  describeSiteless,
  readCamtrap,
} from "../../options/export/camtrap-options.ts";
import { givenScales, readScale, type ScaleArguments } from "../../options/export/scale-options.ts";
import {
  type CountsArguments,
  pathBeside,
  type QuestionArguments,
  readQuestion,
  readSelection,
  resultsFromCaller,
  type SelectionArguments,
} from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible, whileReading } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { recipeFromCaller, refuseToReplace } from "./choose-results.ts";

export interface ExportResultsArguments
  extends SelectionArguments,
    QuestionArguments,
    CountsArguments,
    ScaleArguments,
    CamtrapArguments {
  readonly format: ExportFormat;
  readonly rows?: TableName;
  readonly scores?: boolean;
  readonly excel?: boolean;
  readonly polygons?: boolean;
  readonly photos?: PhotoPlacing;
  readonly split?: number;
  readonly imagePrefix?: string;
  readonly margin?: number;
  readonly hardest?: number;
  readonly reviewed?: boolean;
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
  const { format, rows: table } = options;
  checkOptions(options);
  using progress = new ProgressDisplay({ quiet: options.quiet });
  const location = resultsFromCaller(results);
  return await interruptible(async ({ stop: signal }) => {
    await using ledger = await openLedger(location, { readOnly: true });
    const selection = readSelection(options);
    const recipe = await recipeFromCaller(ledger, options.recipe, selection);
    const { hash: recipeHash, failed } = recipe;
    const { reviewed: isReviewedOnly = false } = options;
    const people = await countCorrectedPhotos(ledger, { ...selection, recipeHash, signal });
    if (isReviewedOnly && people.reviewed === 0) throw noneReviewed();
    const done = isReviewedOnly ? people.reviewed : recipe.done;
    const hasFailures =
      format === "megadetector" ||
      (table !== undefined && tableOf(table).rowsOfFailure !== undefined);
    const total = hasFailures ? done + failed : done;
    progress.setTotals({ total, done: 0, failed: 0 });
    let photos = 0;
    const onPhoto = () => {
      photos++;
      progress.photoDone();
    };
    const relativeTo = options.relativeTo && photoFromCaller(options.relativeTo);
    const question = readQuestion(options);
    const scale = await readScale(options, relativeTo);
    const {
      scores,
      excel,
      polygons,
      photos: placing,
      split,
      imagePrefix,
      margin,
      hardest,
    } = options;
    const asked = { scores, excel, polygons, photos: placing, split, imagePrefix, margin, hardest };
    const counts = readCounts(options);
    const whose = { counts, isReviewedOnly };
    const what = {
      ...selection,
      ...asked,
      ...whose,
      question,
      scaleOf: scale?.scaleOf,
      format,
      table,
    };
    const camtrap = await readCamtrap(options, relativeTo);
    const { name: recipeName } = recipe;
    const exported = { ...what, camtrap, relativeTo, recipeHash, recipeName, signal, onPhoto };
    if (options.out === "-") {
      await writeToOutput(output, ledger, exported);
      process.stderr.write(scale?.describeMissing() ?? "");
      return exitStatus.ok;
    }
    const out =
      options.out === undefined ? pathBeside(location, suffixOf(options)) : fromCaller(options.out);
    await refuseToReplace(location, out);
    await exportResults(ledger, out, exported);
    progress[Symbol.dispose]();
    process.stderr.write(scale?.describeMissing() ?? describeSiteless(camtrap, relativeTo));
    const howMany = `${formatPlural(photos, "photo")}${describeWhose(counts, people)}`;
    await output.write(`Wrote ${displayPath(out)}: ${howMany}\n`);
    return exitStatus.ok;
  }, whileReading);
}

/** The options that not every format has, as they are written. */
const flags: { readonly [option in FormatOption]: string } = {
  table: "--rows",
  scores: "--scores",
  excel: "--excel",
  polygons: "--polygons",
  photos: "--photos",
  split: "--split",
  imagePrefix: "--image-prefix",
  margin: "--margin",
  hardest: "--hardest",
  sites: "--sites",
  timeZone: "--time-zone",
  taxon: "--taxon",
  package: "--package",
  scale: "--pixels-per-metre",
  corrected: "--counts corrected",
  reviewed: "--reviewed",
};

function checkOptions(options: ExportResultsArguments): void {
  const { format, out } = options;
  const allowed = exportFormats[format];
  for (const [option, flag] of Object.entries(flags) as [FormatOption, string][]) {
    const [scale] = givenScales(options);
    const value = givenValue(option, options, scale);
    if (value === undefined || allowed.options.includes(option)) continue;
    const formats = formatsWhere((other) => other.options.includes(option));
    throw onlyFor(option === "scale" ? scale! : flag, formats, format);
  }
  if (out === "-" && allowed.kind !== "text") {
    throw onlyFor(
      "--out -",
      formatsWhere(({ kind }) => kind === "text"),
      format,
    );
  }
}

function formatsWhere(holds: (format: (typeof exportFormats)[ExportFormat]) => boolean): string {
  const names = Object.entries(exportFormats)
    .filter(([, format]) => holds(format))
    .map(([name]) => name);
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join();
}

function onlyFor(option: string, formats: string, format: ExportFormat): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${option} with --format ${formats} only, got it with ${format}. Leave it out.`,
  );
}

function givenValue(
  option: FormatOption,
  options: ExportResultsArguments,
  scale: string | undefined,
): unknown {
  if (option === "scale") return scale;
  if (option === "table") return options.rows;
  // Without --reviewed, which implies it.
  if (option === "corrected") return options.counts === "corrected" ? true : undefined;
  return options[option];
}

/**
 * The suffix of the file: `-photos.csv` for another table than the default, `-corrected.csv` for
 * corrected counts.
 */
function suffixOf(options: ExportResultsArguments): string {
  const { format, rows, reviewed } = options;
  const { suffix, table } = exportFormats[format];
  const whose = reviewed ? "-reviewed" : readCounts(options) === "corrected" ? "-corrected" : "";
  return (rows === undefined || rows === table ? "" : `-${rows}`) + whose + suffix;
}

/** Reviewed photos are as people left them. */
function readCounts({ counts, reviewed }: ExportResultsArguments): CountsKind {
  if (reviewed && counts === "predicted") {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected corrected counts with --reviewed, got --counts predicted. Leave it out.",
    );
  }
  return counts ?? (reviewed ? "corrected" : "predicted");
}

function noneReviewed(): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected reviewed photos among those that are selected, but nobody has reviewed any. " +
      "Review some on the dashboard's page Review (orangery dashboard), or leave out --reviewed.",
  );
}

function describeWhose(counts: CountsKind, { corrected, reviewed }: CorrectedPhotos): string {
  if (counts === "predicted") {
    if (corrected === 0) return "";
    return ` as predicted, without the corrections of ${formatPlural(corrected, "photo")}`;
  }
  return ` with corrections: ${formatPlural(reviewed, "photo")} reviewed of ${corrected} corrected`;
}

/** Ends quietly when the reader has gone, as in `… | head`. */
async function writeToOutput(
  output: StandardOutput,
  ledger: Ledger,
  { format, ...options }: ExportResultsOptions,
): Promise<void> {
  if (isFolderFormat(format)) return;
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
