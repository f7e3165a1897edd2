import { Command } from "commander";
import { refuse, refuseWithout } from "../../options/option-values.ts";
import { addQueueOptions } from "../../options/queue-options.ts";
import { addRecipeOption, addResultsOption } from "../../options/results-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { addMetricsOptions } from "./metrics-options.ts";
import type { StatusArguments } from "./status.ts";

const help = `
Examples:
  $ orangery status --queue photos --watch
  $ orangery status --queue photos --results postgres://localhost/counts --json
  $ orangery status --queue photos --metrics-port 9465

The rate is that of all workers over the last half minute. Done counts the jobs that have succeeded
since the queue was created; delayed ones have failed and are tried again later. --results adds what
is recorded for the newest recipe, or for --recipe. With --metrics-port nothing is printed: the
queue's depth is served for Prometheus until the command is stopped, even without a worker.`;

/** `orangery status`: a queue and its workers. */
export function createStatusCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("status")
    .summary("show a queue and its workers")
    .description("Shows a queue: jobs, rate, time left, and its workers.");
  addQueueOptions(command);
  addRecipeOption(
    addResultsOption(command, "count what is recorded in a file or postgres://…, too"),
  )
    .option("--watch", "show it again every other second")
    .option("--json", "print JSON, with --watch a line each time")
    .addHelpText("after", help);
  addMetricsOptions(command, "/metrics and /health of the queue");
  return command.action(async (options: StatusArguments) => {
    const { serveStatus, showStatus } = await import("./status.ts");
    const isServed = options.metricsPort !== undefined;
    if (isServed) refuse(command, ["results", "recipe", "watch", "json"], "with --metrics-port");
    refuseWithout(command, "results", ["recipe"]);
    setStatus(await (isServed ? serveStatus : showStatus)(output, options));
  });
}
