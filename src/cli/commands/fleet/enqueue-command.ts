import { Command } from "commander";
import {
  addCountOptions,
  addModelOptions,
  type CountArguments,
  readCountOptions,
} from "../../options/count-options.ts";
import { requireOption } from "../../options/prediction-options.ts";
import { addQueueOptions, addResultsOption } from "../../options/queue-options.ts";
import { exitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { EnqueueArguments } from "./enqueue.ts";

const help = `
Examples:
  $ orangery enqueue photos/ --queue photos --detect plants.onnx --results postgres://localhost/counts
  $ orangery enqueue s3://bucket/2026/ --queue photos --detect plants.onnx --segment beds.onnx

Models and options are those that the workers are started with: they decide what a result belongs to.
Photos that have one, or wait in the queue, are left out, so it can be done again at any time.
${exitStatusHelp}`;

/** `orangery enqueue`: photos for the workers of a queue. */
export function createEnqueueCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("enqueue")
    .summary("give photos to the workers of a queue")
    .description("Puts photos on a queue that have no result yet.")
    .argument("<photo...>", "photos and folders, s3://bucket/folder/, https://…");
  addResultsOption(
    addQueueOptions(addModelOptions(command)),
    "where the workers record (default: results.db)",
  );
  addCountOptions(command)
    .option("--retry", "photos again that were recorded as failed")
    .option("--json", "print the counts as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (photos: string[], options: EnqueueArguments & CountArguments) => {
    requireOption(command, options, "detect");
    const count = readCountOptions(command, options);
    const { enqueue } = await import("./enqueue.ts");
    setStatus(await enqueue(output, photos, { ...options, count }));
  });
}
