import { Command } from "commander";
import { addQueueOptions, addResultsOption } from "../../options/queue-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { StatusArguments } from "./status.ts";

const help = `
Examples:
  $ orangery status --queue photos --watch
  $ orangery status --queue photos --results postgres://localhost/counts --json

The rate is that of all workers over the last half minute. Done are the jobs that succeeded since the
queue was made; --results adds what is recorded of the newest recipe, or of --recipe.`;

/** `orangery status`: what a queue and its workers are at. */
export function createStatusCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("status")
    .summary("show what a queue and its workers are at")
    .description("Shows a queue: jobs, rate, time left, and its workers.");
  addResultsOption(addQueueOptions(command), "count what is recorded, too")
    .option("--recipe <hash>", "of these results; the beginning of the hash is enough")
    .option("--watch", "go on showing, every other second")
    .option("--json", "print it as JSON; a line each time with --watch")
    .addHelpText("after", help);
  return command.action(async (options: StatusArguments) => {
    const { showStatus } = await import("./status.ts");
    setStatus(await showStatus(output, options));
  });
}
