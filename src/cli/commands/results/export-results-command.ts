import { Command, Option } from "commander";
import { requireOption } from "../../options/prediction-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ExportResultsArguments } from "./export-results.ts";

const help = `
Examples:
  $ orangery export-results results.db --format csv
  $ orangery export-results results.db --format csv --rows objects --out - | head
  $ orangery export-results results.db --format coco --out counted.json

Without --out the file is beside the results file and named after it.
${plainExitStatusHelp}`;

/** `orangery export-results`: results for other programs. */
export function createExportResultsCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("export-results")
    .summary("write results as CSV, COCO, YOLO, GeoJSON or Parquet")
    .description("Writes what a results file holds in a format that other programs read.")
    .argument("<results>", "the results file")
    .addOption(
      new Option("--format <format>", "what to write").choices([
        "csv",
        "coco",
        "yolo",
        "geojson",
        "parquet",
      ]),
    )
    .addOption(
      new Option(
        "--rows <table>",
        "of csv (default: counts) and parquet (default: objects)",
      ).choices(["counts", "photos", "regions", "objects"]),
    )
    .option("--scores", "of yolo: a sixth column with the score")
    .option("--out <path>", "a file, for yolo a folder; - is standard output")
    .option("--recipe <hash>", "whose results, or the hash's beginning (default: the newest)")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (results: string, options: ExportResultsArguments) => {
    requireOption(command, options, "format");
    // Only now: help and complaints need neither database nor pictures.
    const { exportResultsCommand } = await import("./export-results.ts");
    setStatus(await exportResultsCommand(output, results, options));
  });
}
