import { Command, Option } from "commander";
import { requireOption } from "../../options/option-values.ts";
import { addQuestionOptions, addSelectionOptions } from "../../options/results-options.ts";
import { addScaleOptions } from "../../options/scale-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ExportResultsArguments } from "./export-results.ts";

const help = `
Examples:
  $ orangery export-results results.db --format csv
  $ orangery export-results results.db --format csv --rows objects --out - | head
  $ orangery export-results results.db --format coco --out counted.json
  $ orangery export-results results.db --format csv --min-score 0.5 --classes plant

Without --out the file is beside the results file and named after it.
${plainExitStatusHelp}`;

const formats = ["csv", "coco", "yolo", "geojson", "parquet"];
const tables = ["counts", "photos", "regions", "objects", "folders", "days", "cameras"];

/** `orangery export-results`: results for other programs. */
export function createExportResultsCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("export-results")
    .summary("write results as CSV, COCO, YOLO, GeoJSON or Parquet")
    .description("Writes the results in a format that other programs read.")
    .argument("<results>", "the results file")
    .addOption(new Option("--format <format>", "what to write").choices(formats))
    .addOption(
      new Option(
        "--rows <table>",
        "the table of csv or parquet (default: counts for csv, objects for parquet)",
      ).choices(tables),
    )
    .option("--scores", "for yolo: add a sixth column with the score")
    .option("--excel", "for csv: mark the file as UTF-8, so that Excel opens it as it is")
    .option("--out <path>", "a file, for yolo a folder; - is standard output");
  addScaleOptions(addQuestionOptions(addSelectionOptions(command)))
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
