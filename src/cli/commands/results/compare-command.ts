import { Command } from "commander";
import { refuseWithout } from "../../options/option-values.ts";
import { addQuestionOptions, addSelectionOptions } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { CompareArguments } from "./compare.ts";

const help = `
Examples:
  $ orangery compare results.db counted-by-hand.csv
  $ orangery compare results.db labels/ --html compared.html --open
  $ orangery compare results.db annotations.json --class-confidence weed=0.6
  $ orangery compare results.db results.db --truth-recipe last-year

The truth is a CSV with the columns photo, count and class, a COCO file, a folder of YOLO labels, or
other results. Photos are matched by the ends of their names. To try thresholds below that of the
run, run with --record-from 0.05.
${plainExitStatusHelp}`;

/** `orangery compare`: whether counts are right. */
export function createCompareCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("compare")
    .summary("compare counts with the truth, and find the best thresholds")
    .description(
      "Compares results with hand counts, labels or other results: errors by photo and in total, " +
        "and the threshold of each class at which they are least.",
    )
    .argument("<results>", "the results file")
    .argument("<truth>", "a CSV, a COCO file, a folder of YOLO labels, or a results file")
    .option("--truth-recipe <name>", "the recipe of the truth, if the truth is results")
    .option("--json", "print one JSON document")
    .option("--html <file>", "write a page, with pictures of the photos that differ most")
    .option("--open", "open the page in a browser, if there is a desktop and a terminal");
  addQuestionOptions(addSelectionOptions(command))
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (results: string, truth: string, options: CompareArguments) => {
    refuseWithout(command, "html", ["open"]);
    // Imported late: help and usage errors need no database.
    const { compare } = await import("./compare.ts");
    setStatus(await compare(output, [results, truth], options));
  });
}
