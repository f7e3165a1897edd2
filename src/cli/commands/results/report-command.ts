import { Command } from "commander";
import { addScaleOptions } from "../../options/export/scale-options.ts";
import {
  addCountsOption,
  addQuestionOptions,
  addSelectionOptions,
} from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ReportArguments } from "./report.ts";

const help = `
Examples:
  $ orangery report results.db
  $ orangery report results.db --out counted.html --open
  $ orangery report results.db --counts corrected
  $ orangery report results.db --class-confidence plant=0.4,weed=0.6

The page needs no server and no network, and holds small copies of up to 24 photos.
${plainExitStatusHelp}`;

/** `orangery report`: results as a page to look at. */
export function createReportCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("report")
    .summary("write an HTML report of results, to open in a browser")
    .description(
      "Writes one HTML file about the results: totals, charts, pictures and failed photos.",
    )
    .argument("<results>", "the results file")
    .option("--out <file>", "the page (default: beside the results file, named after it)");
  addScaleOptions(addCountsOption(addQuestionOptions(addSelectionOptions(command))))
    .option("--open", "open it in a browser, if there is a desktop and a terminal")
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (results: string, options: ReportArguments) => {
    // Imported late: help and usage errors need neither database nor pictures.
    const { report } = await import("./report.ts");
    setStatus(await report(output, results, options));
  });
}
