import { type Command, InvalidArgumentError, Option } from "commander";
import type { EntryFilter } from "../../../ledger/browse/entry-filter.ts";
import { parseFraction } from "../../options/option-values.ts";
import { addTakenOptions, type TakenArguments } from "../../options/results-options.ts";
import { warningTexts } from "../photos/run-summary.ts";

/** Options that select photos of one recipe, as the control room does. */
export interface EntryFilterArguments extends TakenArguments {
  readonly name?: string;
  readonly state?: EntryFilter["state"];
  readonly code?: string;
  readonly class?: string;
  readonly minCount?: number;
  readonly maxCount?: number;
  readonly minScore?: number;
  readonly maxScore?: number;
  readonly device?: string;
  readonly warning?: EntryFilter["warning"];
}

export interface ChangePhotosArguments extends EntryFilterArguments {
  readonly results?: string;
  readonly recipe?: string;
  readonly by?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const states = ["waiting", "leased", "done", "failed", "excluded"];
const warnings = ["any", ...Object.keys(warningTexts)];

/** Adds the options that select photos. */
export function addEntryFilterOptions(command: Command): Command {
  command
    .option("--name <text>", "only photos with this in their paths, in any case")
    .addOption(new Option("--state <state>", "only photos in this state").choices(states))
    .option("--code <code>", "only photos that failed with this error code")
    .option(
      "--class <name>",
      "the class that --min-count and the like count (default: all objects)",
    )
    .option("--min-count <number>", "only photos with at least this many objects", parseWhole)
    .option("--max-count <number>", "only photos with at most this many objects", parseWhole)
    .option(
      "--min-score <score>",
      "only photos with an object that scores at least this",
      parseFraction,
    )
    .option(
      "--max-score <score>",
      "only photos with an object that scores at most this",
      parseFraction,
    )
    .option("--device <device>", "only photos that were counted on this device")
    .addOption(new Option("--warning <code>", "only photos with this warning").choices(warnings));
  return addTakenOptions(command);
}

/** Reads which photos are meant. */
export function readEntryFilter(options: EntryFilterArguments): EntryFilter {
  const { name, class: className, state, code, device, warning } = options;
  const { minCount, maxCount, minScore, maxScore, takenAfter, takenBefore } = options;
  const counts = { className, minCount, maxCount, minScore, maxScore };
  return { nameContains: name, state, code, device, warning, ...counts, takenAfter, takenBefore };
}

/** Whether anything but the recipe selects photos. */
export function selects(options: EntryFilterArguments): boolean {
  const { className, ...others } = readEntryFilter(options);
  return Object.values(others).some((value) => value !== undefined);
}

function parseWhole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a whole number, got ${text}.`);
}
