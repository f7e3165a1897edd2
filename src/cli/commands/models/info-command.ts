import { Command } from "commander";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

const help = `
Examples:
  $ orangery info yolo11m-seg.pt
  $ orangery info plants.onnx --json

Lists only what the file contains. Each device is tested by a small run, without the model.
${plainExitStatusHelp}`;

/** `orangery info`: the description of a model file. */
export function createInfoCommand(output: StandardOutput): Command {
  return new Command("info")
    .summary("describe a model file")
    .description("Shows a model's task, classes, size and origin, and the devices that can run it.")
    .argument("<model>", "a .pt checkpoint, an ONNX file, sample:seedlings or sample:beds")
    .option("--json", "print one JSON line")
    .addHelpText("after", help)
    .action(async (model: string, options: { readonly json?: boolean }) => {
      const { info } = await import("./info.ts");
      await info(output, model, options);
    });
}
