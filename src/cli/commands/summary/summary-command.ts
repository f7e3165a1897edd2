import { Command, Option } from "commander";
import {
  addCountsOption,
  addQuestionOptions,
  addSelectionOptions,
  defaultResults,
  resultsHelp,
} from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { SummaryArguments } from "./summary.ts";

const help = `
Examples:
  $ orangery summary results.db
  $ orangery summary results.db --min-score 0.5
  $ orangery summary results.db --by folder
  $ orangery summary results.db --counts corrected
  $ orangery summary results.db --class-confidence plant=0.4,weed=0.6 --under photos/north --json

Recorded objects are counted again: nothing is inferred. The lowest score that you can ask for is
the run's --record-from, or else its --confidence.
${plainExitStatusHelp}`;

/** `orangery summary`: counts of results, as a run prints them. */
export function createSummaryCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("summary")
    .summary("print the counts of results")
    .description("Prints how many objects there are in the results, as a run does at its end.")
    .argument("[results]", resultsHelp);
  addCountsOption(addQuestionOptions(addSelectionOptions(command)))
    .addOption(
      new Option(
        "--by <what>",
        "totals by folder at every level, by day or by camera, instead of photos",
      ).choices(["folder", "day", "camera"]),
    )
    .option("--json", "print one JSON line")
    .addHelpText("after", help);
  return command.action(async (results = defaultResults, options: SummaryArguments) => {
    // Imported late: help and usage errors need no database.
    const { summary } = await import("./summary.ts");
    setStatus(await summary(output, results, options));
  });
}
