import type { Command } from "commander";
import { type JobState, jobStates } from "../../../fleet/store/job-filter.ts";
import { collect, expected, parseAge } from "../../options/option-values.ts";
import { addResultsOption } from "../../options/results-options.ts";
import { addPersonOption } from "../management/person-option.ts";

/** Options that select jobs of a queue. */
export interface JobFilterArguments {
  readonly state?: readonly JobState[];
  readonly code?: string;
  /** Names or hashes. */
  readonly recipe?: readonly string[];
  readonly under?: string;
  /** Milliseconds. */
  readonly olderThan?: number;
  readonly newerThan?: number;
}

/** Adds the options that select jobs. */
export function addJobFilterOptions(
  command: Command,
  states: readonly JobState[] = jobStates,
): Command {
  if (states.length > 1) {
    command.option(
      "--state <state>",
      `only jobs in this state, ${states.join(", ")}; may be repeated`,
      (value: string, before: readonly JobState[] = []): JobState[] => {
        const state = states.find((state) => state === value);
        if (state === undefined) throw expected(`one of ${states.join(", ")}`, value);
        return [...before, state];
      },
    );
  }
  command.option("--code <code>", "only jobs that failed with this error code");
  addQueueRecipeOption(command)
    .option("--under <path>", "only photos at or below this file, folder or URL")
    .option("--older-than <age>", "only jobs that failed, or were added, before: 2h, 3d", parseAge)
    .option("--newer-than <age>", "only jobs that failed, or were added, since: 2h, 3d", parseAge);
  return command;
}

/** Where it is recorded what somebody does to a queue, and who they are. */
export interface RecordArguments {
  readonly results?: string;
  readonly by?: string;
}

/** Adds the options of commands that change a queue. */
export function addRecordOptions(command: Command): Command {
  const description = "record it in this file or postgres://… (default: the results of the queue)";
  return addPersonOption(addResultsOption(command, description));
}

/** Adds the option that chooses recipes of a queue. */
export function addQueueRecipeOption(command: Command): Command {
  return command.option(
    "--recipe <name>",
    "only this recipe, by its name or the beginning of its hash; may be repeated",
    collect,
  );
}
