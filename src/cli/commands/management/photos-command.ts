import { Command } from "commander";
import { parseLimit } from "../../options/option-values.ts";
import { addRecipeOption, addResultsOption, resultsHelp } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { addEntryFilterOptions, type ChangePhotosArguments, selects } from "./entry-filter.ts";
import type { ActionsArguments } from "./list-actions.ts";
import type { PauseRunArguments } from "./pause-run.ts";
import { addPersonOption } from "./person-option.ts";

const help = `
Examples:
  $ orangery photos retry --code PHOTO_NOT_FOUND
  $ orangery photos exclude photos/2025/blurred --dry-run
  $ orangery photos exclude --warning nearly-black
  $ orangery photos include photos/2025/blurred
  $ orangery photos forget --max-count 0 --taken-before 2024-01-01
  $ orangery photos pause
  $ orangery photos actions

A photo has to match all conditions. "orangery photos help retry" explains retry, and likewise for
every command. Every action is recorded with who did it.
${plainExitStatusHelp}`;

const retryHelp = `
A run in progress tries them again, or the next one. Failed jobs of a queue are tried again with
\`orangery jobs retry\`.`;

const excludeHelp = `
They no longer count, and no run tries them, even if their files change, until
\`orangery photos include\`. Other recipes are not affected.`;

const includeHelp = `
Photos that have a result count again at once; the others wait for a run.`;

const forgetHelp = `
They are removed with everything that was found on them, under every recipe. A later run that finds
one counts it again; to prevent that, exclude it. \`orangery forget\` does the same by path.`;

const pauseHelp = `
Runs finish what they have begun, take no more photos, keep their models and wait. The pause lasts
until \`orangery photos resume\`, across restarts. To pause the workers of a queue, use
\`orangery jobs pause\`.`;

/** `orangery photos`: manages the photos of the results. */
export function createPhotosCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("photos")
    .summary("retry, exclude and forget photos of a results file, or pause runs")
    .description("Retries, excludes, includes and forgets photos of the results; pauses runs.")
    .addHelpText("after", help);
  addChange("retry", "let failed photos be tried again", retryHelp).description(
    "Lets failed photos wait again, with all their attempts.",
  );
  addChange("exclude", "leave photos out of all counts", excludeHelp).description(
    "Leaves photos out of all counts, those counted and those to come.",
  );
  addChange("include", "include excluded photos again", includeHelp).description(
    "Takes photos back that were excluded.",
  );
  addChange("forget", "take photos out of the results", forgetHelp).description(
    "Takes photos out of the results.",
  );
  addPause("pause").summary("let runs take no more photos").addHelpText("after", pauseHelp);
  addPause("resume").summary("let runs take photos again");
  addResults(command.command("actions"))
    .summary("list what people did")
    .description("Lists what people did in the control room and by commands, the newest first.")
    .option("--limit <number>", "the most actions", parseLimit, 50)
    .option("--json", "print a JSON line for each")
    .action(async (options: ActionsArguments) => {
      const { listActions } = await import("./list-actions.ts");
      await listActions(output, options);
    });
  return command;

  function addChange(
    change: "retry" | "exclude" | "include" | "forget",
    summary: string,
    more: string,
  ) {
    const sub = command
      .command(change)
      .summary(summary)
      .argument("[path...]", "photos, folders with all photos below them, URLs");
    addEntryFilterOptions(addRecipeOption(addResults(sub)));
    return addPersonOption(sub)
      .option("--all", "required if nothing else selects photos")
      .option("--dry-run", "print how many would change, and change nothing")
      .option("--json", "print the count as JSON")
      .addHelpText("after", more)
      .action(async (places: string[], options: ChangePhotosArguments) => {
        if (!options.all && places.length === 0 && !selects(options)) {
          sub.error("error: name photos, options that select photos, or --all");
        }
        const { changePhotosOf } = await import("./change-photos.ts");
        setStatus(await changePhotosOf(output, places, { ...options, change }));
      });
  }

  function addPause(name: "pause" | "resume"): Command {
    const verb = name === "pause" ? "Pauses" : "Resumes";
    const sub = command.command(name).description(`${verb} the runs of a recipe.`);
    return addPersonOption(addRecipeOption(addResults(sub)))
      .option("--json", "print JSON")
      .action(async (options: PauseRunArguments) => {
        const { pauseRun } = await import("./pause-run.ts");
        await pauseRun(output, { ...options, isPaused: name === "pause" });
      });
  }
}

function addResults(command: Command): Command {
  return addResultsOption(command, `the results, ${resultsHelp}`);
}
