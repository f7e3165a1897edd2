import { extname } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { urlScheme } from "../../base/url.ts";
import { isOrangeryError } from "../../errors.ts";
import { momentOf } from "../../ledger/photos/moment.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import type { CountsKind } from "../../ledger/review/counts/counts-kind.ts";
import type { CountQuestion } from "../../ledger/scores/count-question.ts";
import { fromCaller, photoFromCaller } from "./caller-paths.ts";
import { collectClasses, collectClassScores, parseFraction } from "./option-values.ts";

export const defaultResults = "results.db";
export const resultsHelp = `a file or postgres://… (default: ${defaultResults})`;

/** Adds the option that names the results of a queue's photos. */
export function addResultsOption(command: Command, description: string): Command {
  return command.addOption(new Option("--results <file>", description).env("ORANGERY_RESULTS"));
}

/** Adds the option that chooses one of several recipes. */
export function addRecipeOption(command: Command): Command {
  return command.option(
    "--recipe <name>",
    "the recipe whose results are meant, by its name or the beginning of its hash " +
      "(default: the newest)",
  );
}

/** Options that select photos by when they were taken. */
export interface TakenArguments {
  readonly takenAfter?: string;
  readonly takenBefore?: string;
}

/** Adds the options that select photos by when they were taken. */
export function addTakenOptions(command: Command): Command {
  return command
    .option(
      "--taken-after <time>",
      "only photos taken then or later by the camera's clock, as in 2026-05-12 or 2026-05-12T06:30",
      parseMoment,
    )
    .option("--taken-before <time>", "only photos taken earlier than that", parseMoment);
}

function parseMoment(text: string): string {
  try {
    return momentOf(text);
  } catch (error) {
    if (isOrangeryError(error)) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** Options that select what is reported or exported. */
export interface SelectionArguments extends TakenArguments {
  readonly recipe?: string;
  readonly under?: string;
  readonly countDuplicatesOnce?: boolean;
}

/** Adds the options that select what is reported or exported. */
export function addSelectionOptions(command: Command): Command {
  addRecipeOption(command).option(
    "--under <path>",
    "only photos at or below this file, folder or URL",
  );
  return addTakenOptions(command).option(
    "--count-duplicates-once",
    "count copies of a photo once, as the first by path",
  );
}

/** Reads which photos are selected. */
export function readSelection(options: SelectionArguments): PhotoSelection {
  const { under, countDuplicatesOnce, takenAfter, takenBefore } = options;
  return { under: under && photoFromCaller(under), countDuplicatesOnce, takenAfter, takenBefore };
}

/** Options that ask what counts of what is recorded. */
export interface QuestionArguments {
  readonly minScore?: number;
  readonly classes?: readonly string[];
  readonly classConfidence?: readonly (readonly [string, number])[];
}

/** Adds the options that ask what counts of what is recorded. */
export function addQuestionOptions(command: Command): Command {
  return command
    .option(
      "--min-score <score>",
      "count what scores above this, 0 to 1, of what is recorded (default: as it was counted)",
      parseFraction,
    )
    .option(
      "--classes <names>",
      "count these classes, by name or id, as in plant,weed (default: all)",
      collectClasses,
    )
    .option(
      "--class-confidence <scores>",
      "scores above which some classes count, as in plant=0.4,weed=0.6",
      collectClassScores,
    );
}

/** The option that chooses predicted or corrected counts. */
export interface CountsArguments {
  readonly counts?: CountsKind;
}

/** Adds the option that says whose counts are meant. */
export function addCountsOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--counts <whose>",
      "counts as the model made them, or with the corrections of people (default: predicted)",
    ).choices(["predicted", "corrected"]),
  );
}

/** Returns undefined where nothing but the recipe decides what counts. */
export function readQuestion(options: QuestionArguments): CountQuestion | undefined {
  const { minScore, classes, classConfidence } = options;
  const question = { minScore, classes, classConfidence };
  return Object.values(question).some((part) => part !== undefined) ? question : undefined;
}

/** Makes the path of a results file absolute, and leaves the URL of a database as it is. */
export function resultsFromCaller(location: string): string {
  return urlScheme(location) === undefined ? fromCaller(location) : location;
}

/** Returns a path beside the results file, named after it; for a database, where the user is. */
export function pathBeside(location: string, suffix: string): string {
  if (urlScheme(location) !== undefined) return fromCaller(`results${suffix}`);
  const extension = extname(location);
  return location.slice(0, location.length - extension.length) + suffix;
}
