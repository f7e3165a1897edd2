import { Command, Option } from "commander";
import { addCamtrapOptions } from "../../options/export/camtrap-options.ts";
import { addScaleOptions } from "../../options/export/scale-options.ts";
import {
  expected,
  parseCount,
  parseDecimal,
  parseFraction,
  requireOption,
} from "../../options/option-values.ts";
import {
  addCountsOption,
  addQuestionOptions,
  addSelectionOptions,
} from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ExportResultsArguments } from "./export-results.ts";

const help = `
Examples:
  $ orangery export-results results.db --format csv
  $ orangery export-results results.db --format csv --rows objects --out - | head
  $ orangery export-results results.db --format xlsx --rows photos
  $ orangery export-results results.db --format coco --out counted.json
  $ orangery export-results results.db --format yolo --photos link --split 0.8 --out set
  $ orangery export-results results.db --format yolo --reviewed --photos link --out training
  $ orangery export-results results.db --format label-studio --hardest 200 --relative-to photos
  $ orangery export-results results.db --format csv --min-score 0.5 --classes plant

Without --out the file is beside the results file and named after it.
${plainExitStatusHelp}`;

const tableFormats = ["csv", "xlsx", "parquet"];
const labelFormats = ["coco", "yolo", "cvat", "label-studio", "geojson", "crops"];
const fieldFormats = ["places", "megadetector", "camtrap-dp"];
const formats = [...tableFormats, ...labelFormats, ...fieldFormats];
const tables = ["counts", "photos", "regions", "objects", "folders", "days", "cameras"];

/** `orangery export-results`: results for other programs. */
export function createExportResultsCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("export-results")
    .summary("write results as CSV, Excel, Parquet, COCO, YOLO, CVAT, Label Studio and others")
    .description("Writes the results in a format that other programs read.")
    .argument("<results>", "the results file")
    .addOption(new Option("--format <format>", "what to write").choices(formats))
    .addOption(
      new Option(
        "--rows <table>",
        "the table of csv, xlsx or parquet (default: counts, for parquet objects)",
      ).choices(tables),
    )
    .option("--scores", "for yolo: add another column with the score")
    .option("--excel", "for csv: mark the file as UTF-8, so that Excel opens it as it is")
    .option("--polygons", "for coco and yolo: polygons of masks, not run lengths or boxes")
    .addOption(
      new Option("--photos <how>", "for yolo: put the photos beside the labels").choices([
        "link",
        "copy",
      ]),
    )
    .option(
      "--split <share>",
      "for yolo: the share of photos to train with, as in 0.8; the others validate",
      parseFraction,
    )
    .option(
      "--image-prefix <text>",
      "for label-studio: what comes before photos' names, as in /data/local-files/?d=",
    )
    .option(
      "--margin <share>",
      "for crops: surroundings, as a share of the box (default: 0.1)",
      parseMargin,
    )
    .option(
      "--hardest <n>",
      "for labels: only the n photos with the most objects that score near the threshold",
      parseCount,
    )
    .option(
      "--out <path>",
      "a file, for yolo, camtrap-dp and crops a folder; - is standard output",
    );
  addCamtrapOptions(command);
  addScaleOptions(addCountsOption(addQuestionOptions(addSelectionOptions(command))))
    .option(
      "--reviewed",
      "for labels: all and only photos that people reviewed, as they left them: a training set",
    )
    .option("--relative-to <path>", "name photos relative to this folder or URL")
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (results: string, options: ExportResultsArguments) => {
    requireOption(command, options, "format");
    // Imported late: help and usage errors need no database.
    const { exportResultsCommand } = await import("./export-results.ts");
    setStatus(await exportResultsCommand(output, results, options));
  });
}

function parseMargin(text: string): number {
  const value = parseDecimal(text);
  if (value >= 0 && value <= 10) return value;
  throw expected("a share from 0 to 10", text);
}
