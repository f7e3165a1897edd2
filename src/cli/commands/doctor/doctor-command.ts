import { Command } from "commander";
import { addPluginOption } from "../../options/detection-options.ts";
import { addNamedServerOptions } from "../../options/queue-options.ts";
import { addResultsOption } from "../../options/results-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { DoctorArguments } from "./doctor.ts";

const help = `
Examples:
  $ orangery doctor
  $ orangery doctor plants.pt
  $ orangery doctor --queue-url redis://db1:6379 --results postgres://db1/counts --json

Each device is tested and timed by a run. A model is loaded and tried in a separate process; that
takes up to a minute. Nothing is changed.

Exit status:
  0    all is well
  1    something does not work
  2    the command line is wrong
  3    everything works, but something could be better
  130  interrupted (129 hang-up, 143 terminated)`;

/** `orangery doctor`: whether this machine will do the job, and what to change. */
export function createDoctorCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("doctor")
    .summary("check whether this machine will do the job")
    .description("Shows on one page whether this machine will do the job, and what to change.")
    .argument("[model]", "a .pt checkpoint, an ONNX file, sample:seedlings or sample:beds, to try");
  addNamedServerOptions(command);
  return addPluginOption(addResultsOption(command, "look at a results file or postgres://…, too"))
    .option("--json", "print one JSON document")
    .addHelpText("after", help)
    .action(async (model: string | undefined, options: DoctorArguments) => {
      const { doctor } = await import("./doctor.ts");
      setStatus(await doctor(output, model, options));
    });
}
