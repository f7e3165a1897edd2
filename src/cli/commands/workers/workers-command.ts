import { Command } from "commander";
import { addQueueOptions } from "../../options/queue-options.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { addRecordOptions } from "../jobs/job-options.ts";
import type { WorkersArguments } from "./workers.ts";

const help = `
Examples:
  $ orangery workers list
  $ orangery workers drain gpu0@host7
  $ orangery workers resume gpu0@host7
  $ orangery workers recycle cpu0@host7

Workers act within seconds. The queue's results record the request and who made it:
\`orangery photos actions\` lists it.
${plainExitStatusHelp}`;

const drainHelp = `
They finish what they have taken, take no more jobs, and keep their models, until
\`orangery workers resume\`, even if a process is replaced. When \`orangery worker\`
is stopped and started again, its workers take jobs.`;

const recycleHelp = `
A fresh process loads the models while the old one works. Then it takes over, and the old one
finishes its jobs and ends.`;

/** `orangery workers`: lists and directs the workers of a queue. */
export function createWorkersCommand(output: StandardOutput): Command {
  const command = new Command("workers")
    .summary("list, drain and recycle the workers of a queue")
    .description("Lists the workers of a queue, drains and recycles them.")
    .addHelpText("after", help);
  const list = command
    .command("list")
    .summary("list workers with devices and models")
    .description("Lists the workers of a queue with their devices, models and memory.");
  addQueueOptions(list)
    .option("--json", "print a JSON line for each worker")
    .action(async (options: WorkersArguments) => {
      const { listWorkers } = await import("./workers.ts");
      await listWorkers(output, options);
    });
  addRequest("drain", "let workers take no more jobs", drainHelp);
  addRequest("resume", "let drained workers take jobs again", "");
  addRequest("recycle", "replace the processes of workers", recycleHelp);
  return command;

  function addRequest(
    request: "drain" | "resume" | "recycle",
    summary: string,
    more: string,
  ): void {
    const sub = command
      .command(request)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`.replace("Let w", "Lets w"))
      .argument("<worker...>", "names, as `orangery workers list` has them");
    addRecordOptions(addQueueOptions(sub))
      .option("--json", "print a JSON line for each process")
      .addHelpText("after", more)
      .action(async (names: string[], options: WorkersArguments) => {
        const { directWorkers } = await import("./workers.ts");
        await directWorkers(output, names, { ...options, request });
      });
  }
}
