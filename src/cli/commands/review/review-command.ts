import { Command } from "commander";
import { expected, parseCount } from "../../options/option-values.ts";
import { addSelectionOptions, defaultResults, resultsHelp } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ReviewArguments } from "./review.ts";

const help = `
Examples:
  $ orangery review results.db --sample 200
  $ orangery review results.db
  $ orangery review results.db --sample 100 --seed 7 --under photos/north --json
  $ orangery review results.db --outliers 50
  $ orangery review results.db --list 3

Several people can review photos at once, on the page of orangery dashboard. From a reviewed random
sample, this prints precision, recall and the corrected total of all photos, each with an interval
that holds the true value in 95 of 100 surveys.
${plainExitStatusHelp}`;

/** `orangery review`: lists of photos to review, how far they are, and what they say. */
export function createReviewCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("review")
    .summary("choose photos to review, and estimate the true counts from those reviewed")
    .description("Draws lists of photos to review, and prints how far they are and what they say.")
    .argument("[results]", resultsHelp)
    .option("--sample <n>", "draw this many photos at random, to represent all", parseCount)
    .option("--seed <n>", "the seed of the sample (default: random)", parseSeed)
    .option(
      "--threshold <n>",
      "list the photos with the most objects that score near the threshold",
      parseCount,
    )
    .option(
      "--outliers <n>",
      "list the photos whose counts are unusual in their folder",
      parseCount,
    )
    .option("--warnings <n>", "list photos with warnings", parseCount)
    .option("--list <id>", "print the photos of a list", parseCount);
  addSelectionOptions(command)
    .option("--name <text>", "only photos with this in their paths, in any case")
    .option("--by <name>", "who draws it (default: the account's name)")
    .option("--json", "print one JSON line")
    .addHelpText("after", help);
  return command.action(async (results = defaultResults, options: ReviewArguments) => {
    // Imported late: help and usage errors need no database.
    const { review } = await import("./review.ts");
    setStatus(await review(output, results, options));
  });
}

function parseSeed(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw expected("a whole number from 0 up", text);
}
