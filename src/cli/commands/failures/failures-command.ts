import { Command, Option } from "commander";
import { flagsOf, parseLimit } from "../../options/option-values.ts";
import { addNamedQueueOptions } from "../../options/queue-options.ts";
import { addTakenOptions, defaultResults } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { FailuresArguments } from "./failures.ts";

const help = `
Examples:
  $ orangery failures results.db
  $ orangery failures --queue photos
  $ orangery failures results.db --code PHOTO_UNREADABLE --csv > unreadable.csv

Results list photos that failed. A queue also lists jobs that failed for another reason, such as a
model, a device or a database; their photos are in no results.
${plainExitStatusHelp}`;

/** `orangery failures`: photos without a result, why, and what to do. */
export function createFailuresCommand(output: StandardOutput): Command {
  const command = new Command("failures")
    .summary("list the photos without a result, and what to do")
    .description("Lists the photos that failed, with the reason and what to do about it.")
    .argument("[results]", `results, a file or postgres://… (default: ${defaultResults})`);
  addNamedQueueOptions(command, "list the failed jobs of this queue instead")
    .option("--recipe <name>", "only this recipe, by its name or the beginning of its hash")
    .option("--under <path>", "only photos at or below this file, folder or URL");
  addTakenOptions(command)
    .option("--code <code>", "only photos that failed with this error code")
    .option("--limit <number>", "the most photos, 0 for all (default: 50 in a table)", parseLimit)
    .addOption(new Option("--csv", "print CSV, a line for each photo").conflicts("json"))
    .option("--json", "print a JSON line for each photo")
    .addHelpText("after", help);
  for (const flags of ["--min-score <score>", "--classes <names>", "--class-confidence <scores>"]) {
    command.addOption(new Option(flags).hideHelp());
  }
  return command.action(async (results: string | undefined, options: FailuresArguments) => {
    if (results !== undefined && options.queue !== undefined) {
      command.error("error: results and option '--queue' exclude each other");
    }
    for (const name of ["takenAfter", "takenBefore"]) {
      if (options.queue === undefined || command.getOptionValue(name) === undefined) continue;
      command.error(
        `error: option '${flagsOf(command, name)}' needs results: a queue does not know`,
      );
    }
    for (const name of ["minScore", "classes", "classConfidence"]) {
      if (command.getOptionValue(name) === undefined) continue;
      command.error(
        `error: option '${flagsOf(command, name)}' has no meaning here: why a photo has no ` +
          "result does not depend on scores. See orangery summary, report and export-results",
      );
    }
    const { listFailures } = await import("./failures.ts");
    await listFailures(output, results, options);
  });
}
