import { Command } from "commander";
import { addResultsOption, resultsHelp } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ForgetArguments } from "./forget.ts";

const help = `
Examples:
  $ orangery forget photos/blurred.jpg
  $ orangery forget --under photos/2025 --dry-run
  $ orangery forget photos/2025 --results postgres://localhost/counts

Photos need not exist any more: paths are compared with what was recorded. The photos themselves and
annotated pictures are left as they are. A later run that finds a photo counts it again.
${plainExitStatusHelp}`;

/** `orangery forget`: takes photos out of the results. */
export function createForgetCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("forget")
    .summary("take photos out of the results")
    .description("Takes photos out of the results, with everything that was found on them.")
    .argument("[path...]", "photos, folders with all photos below them, URLs")
    .option("--under <path>", "a file, folder or URL: the same as one of the paths")
    .option("--dry-run", "print which photos would be removed, and change nothing");
  addResultsOption(command, `the results, ${resultsHelp}`).addHelpText("after", help);
  return command.action(async (paths: string[], options: ForgetArguments) => {
    const places = options.under === undefined ? paths : [...paths, options.under];
    if (places.length === 0) command.error("error: missing required argument 'path'");
    // Imported late: help and usage errors need no database.
    const { forget } = await import("./forget.ts");
    setStatus(await forget(output, places, options));
  });
}
