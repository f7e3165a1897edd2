import { Command } from "commander";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ReportArguments } from "./report.ts";

const help = `
Examples:
  $ orangery report results.db
  $ orangery report results.db --out counted.html --open

The page needs no server and no network, and holds small copies of up to 24 photos.
${plainExitStatusHelp}`;

/** `orangery report`: results as a page to look at. */
export function createReportCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("report")
    .summary("write a page about results, to look at in a browser")
    .description(
      "Writes one HTML file about what a results file holds: totals, charts, pictures, failures.",
    )
    .argument("<results>", "the results file")
    .option("--out <file>", "the page (default: beside the results file, named after it)")
    .option("--recipe <hash>", "whose results, or the hash's beginning (default: the newest)")
    .option("--open", "open it in a browser, where there is a desktop and a terminal")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (results: string, options: ReportArguments) => {
    // Only now: help and complaints need neither database nor pictures.
    const { report } = await import("./report.ts");
    setStatus(await report(output, results, options));
  });
}
