import { Command } from "commander";
import type { JobState } from "../../../fleet/store/job-filter.ts";
import { parseLimit } from "../../options/option-values.ts";
import { addQueueOptions } from "../../options/queue-options.ts";
import { addResultsOption } from "../../options/results-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ChangeArguments, PauseArguments } from "./change-jobs.ts";
import {
  addJobFilterOptions,
  addQueueRecipeOption,
  addRecordOptions,
  type JobFilterArguments,
} from "./job-options.ts";
import type { ListArguments } from "./list-jobs.ts";
import type { ShowArguments } from "./show-job.ts";

const help = `
Examples:
  $ orangery jobs list --state failed --code MODEL_LOAD_FAILED
  $ orangery jobs show photos/tray-3.jpg --results results.db
  $ orangery jobs retry --code MODEL_LOAD_FAILED
  $ orangery jobs drop --under photos/2025 --dry-run
  $ orangery jobs pause --recipe beds
  $ orangery jobs move-first photos/urgent.jpg

A job is one photo under one recipe. Finished jobs leave the queue; the results have them.
"orangery jobs help list" explains list, and likewise for every command. Changes are recorded in the
queue's results, with who made them: \`orangery photos actions\` lists them.
${plainExitStatusHelp}`;

const dropHelp = `
Photos whose jobs are dropped have no result. \`orangery enqueue\` adds them again; with --retry,
also those recorded as failed. Jobs in progress continue: pause first, so that workers take no
more.`;

const moveHelp = `
They are taken before all others of their recipe, in their order. Recipes do not wait for each
other: to hold one back, pause it.`;

const pauseHelp = `
Workers finish what they have taken. Photos may still be added. The pause lasts until
\`orangery jobs resume\`, across restarts; \`orangery status\` shows it.`;

/** `orangery jobs`: lists and manages the jobs of a queue. */
export function createJobsCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("jobs")
    .summary("list, retry, move and remove the jobs of a queue, or pause it")
    .description("Lists, shows, retries, drops, pauses and moves the jobs of a queue.")
    .addHelpText("after", help);
  addList(command, output);
  addShow(command, output);
  addChange(command, "retry", ["delayed", "failed"])
    .summary("try failed jobs again")
    .description(
      "Puts failed jobs back into the queue, with all their attempts, and lets delayed ones be " +
        "tried now.",
    )
    .action(change("retry"));
  addChange(command, "drop", ["waiting", "delayed", "failed"])
    .summary("take jobs out of the queue")
    .description("Takes jobs out of the queue, with all that it knows of them.")
    .option("--all", "required if nothing else selects jobs")
    .addHelpText("after", dropHelp)
    .action(change("drop"));
  addChange(command, "move-first", ["waiting"])
    .summary("let waiting jobs be taken next")
    .description("Moves waiting jobs to where they are taken first.")
    .addHelpText("after", moveHelp)
    .action(change("move-first"));
  addPause(command, "pause")
    .summary("let workers take no more jobs")
    .addHelpText("after", pauseHelp);
  addPause(command, "resume").summary("let workers take jobs again");
  return command;

  function change(what: "retry" | "drop" | "move-first") {
    return async (names: string[], options: ChangeArguments & { readonly all?: boolean }) => {
      if (what === "drop" && !options.all && names.length === 0 && !selects(options)) {
        const drop = command.commands.find((each) => each.name() === "drop")!;
        drop.error("error: name photos, options that select jobs, or --all");
      }
      const { changeJobs } = await import("./change-jobs.ts");
      setStatus(await changeJobs(output, names, { ...options, change: what }));
    };
  }

  function addPause(parent: Command, name: "pause" | "resume"): Command {
    const verb = name === "pause" ? "Pauses" : "Resumes";
    const sub = parent.command(name).description(`${verb} a queue, or some of its recipes.`);
    addRecordOptions(addQueueRecipeOption(addQueueOptions(sub)))
      .option("--json", "print JSON")
      .action(async (options: PauseArguments) => {
        const { pauseJobs } = await import("./change-jobs.ts");
        await pauseJobs(output, { ...options, isPause: name === "pause" });
      });
    return sub;
  }
}

function addList(parent: Command, output: StandardOutput): void {
  const command = parent
    .command("list")
    .summary("list jobs")
    .description("Lists the jobs of a queue that are not done, those that are taken next first.")
    .argument("[photo...]", "only jobs of these photos, or of these ids");
  addJobFilterOptions(addQueueOptions(command))
    .option("--limit <number>", "the most jobs, 0 for all", parseLimit, 50)
    .option("--json", "print a JSON line for each job")
    .action(async (names: string[], options: ListArguments) => {
      const { listJobs } = await import("./list-jobs.ts");
      await listJobs(output, names, options);
    });
}

function addShow(parent: Command, output: StandardOutput): void {
  const command = parent
    .command("show")
    .summary("show everything known about a job")
    .description("Shows all that is known of a photo's job, or of the job of an id.")
    .argument("<photo>", "a photo, or a job's id");
  addQueueRecipeOption(addQueueOptions(command));
  addResultsOption(command, "show what is recorded in a file or postgres://…, too")
    .option("--json", "print a JSON line for each job")
    .action(async (name: string, options: ShowArguments) => {
      const { showJob } = await import("./show-job.ts");
      await showJob(output, name, options);
    });
}

function addChange(parent: Command, name: string, states: readonly JobState[]): Command {
  const command = parent
    .command(name)
    .argument("[photo...]", "only jobs of these photos, or of these ids");
  return addRecordOptions(addJobFilterOptions(addQueueOptions(command), states))
    .option("--dry-run", "print how many would change, and change nothing")
    .option("--json", "print the counts as JSON")
    .option("--quiet", "print no progress");
}

function selects({ state, code, recipe, under, olderThan, newerThan }: JobFilterArguments) {
  return [state, code, recipe, under, olderThan, newerThan].some((value) => value !== undefined);
}
