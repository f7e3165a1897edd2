import { Command } from "commander";
import { addQueueOptions } from "../../options/queue-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { addRecordOptions } from "../jobs/job-options.ts";
import type { RetryFailedArguments } from "./retry-failed.ts";

const help = `
Example:
  $ orangery retry-failed --queue photos

Each job gets all its attempts again. The record of a failure is removed once the photo has a
result.`;

/** `orangery retry-failed`: another try for the jobs that failed. */
export function createRetryFailedCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("retry-failed")
    .summary("try the failed jobs of a queue again")
    .description("Puts the failed jobs of a queue back into it.");
  addRecordOptions(addQueueOptions(command))
    .option("--json", "print the count as JSON")
    .option("--quiet", "print no progress")
    .addHelpText("after", help);
  return command.action(async (options: RetryFailedArguments) => {
    const { retry } = await import("./retry-failed.ts");
    setStatus(await retry(output, options));
  });
}
