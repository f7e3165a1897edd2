import { Command, CommanderError } from "commander";
import { programVersion } from "../base/files/program-file.ts";
import { printable } from "../base/printable.ts";
import { isOrangeryError, OrangeryError } from "../errors.ts";
import { createDashboardCommand } from "./commands/dashboard/dashboard-command.ts";
import { createDevicesCommand } from "./commands/devices/devices-command.ts";
import { createDoctorCommand } from "./commands/doctor/doctor-command.ts";
import { createFailuresCommand } from "./commands/failures/failures-command.ts";
import { createEnqueueCommand } from "./commands/fleet/enqueue-command.ts";
import { createRetryFailedCommand } from "./commands/fleet/retry-failed-command.ts";
import { createStatusCommand } from "./commands/fleet/status-command.ts";
import { createWorkerCommand } from "./commands/fleet/worker-command.ts";
import { createJobsCommand } from "./commands/jobs/jobs-command.ts";
import { createPhotosCommand } from "./commands/management/photos-command.ts";
import { createCacheCommand } from "./commands/models/cache-command.ts";
import { createExportCommand } from "./commands/models/export-command.ts";
import { createInfoCommand } from "./commands/models/info-command.ts";
import { createQuantizeCommand } from "./commands/models/quantize-command.ts";
import { createPredictCommand } from "./commands/photos/predict-command.ts";
import { createRunCommand } from "./commands/photos/run-command.ts";
import { createRecipeCommand } from "./commands/recipes/recipe-command.ts";
import { createCompareCommand } from "./commands/results/compare-command.ts";
import { createExportResultsCommand } from "./commands/results/export-results-command.ts";
import { createForgetCommand } from "./commands/results/forget-command.ts";
import { createReportCommand } from "./commands/results/report-command.ts";
import { createReviewCommand } from "./commands/review/review-command.ts";
import { createSummaryCommand } from "./commands/summary/summary-command.ts";
import { createWorkersCommand } from "./commands/workers/workers-command.ts";
import { noteLedgerUpdates } from "./ledger-updates.ts";
import { exitStatus, exitStatusHelp } from "./output/exit-status.ts";
import { StandardOutput } from "./output/standard-output.ts";
import { explainYoloOption } from "./yolo-options.ts";

const help = `
Examples:
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx
  $ orangery predict photo.jpg --model plants.onnx --json
  $ orangery report results.db --open

"orangery help run" explains run, and so for every command. Models are .pt checkpoints of
Ultralytics, ONNX files, or sample:seedlings and sample:beds.
${exitStatusHelp}`;

/** Runs the command line, with `argv` as Node has it; resolves to the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const output = new StandardOutput();
  using _notes = noteLedgerUpdates((line) => process.stderr.write(`${line}\n`));
  let status: number = exitStatus.ok;
  const program = createProgram(output, (value) => {
    status = value;
  });
  await program.parseAsync(argv).catch((error: unknown) => {
    status = printError(error);
  });
  await output.flush().catch((error: unknown) => {
    status = printError(error);
  });
  return status;
}

/** Makes the program with all its commands, which hand their exit status to `setStatus`. */
export function createProgram(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const program = new Command("orangery")
    .description("Keeps YOLO models warm: photos in, counts out.")
    .version(programVersion(), "-v, --version")
    .addHelpText("after", help)
    .addCommand(createRunCommand(output, setStatus))
    .addCommand(createPredictCommand(output, setStatus))
    .addCommand(createInfoCommand(output))
    .addCommand(createExportCommand(output, setStatus))
    .addCommand(createQuantizeCommand(output, setStatus))
    .addCommand(createCacheCommand(output, setStatus))
    .addCommand(createDevicesCommand(output, setStatus))
    .addCommand(createDoctorCommand(output, setStatus))
    .addCommand(createSummaryCommand(output, setStatus))
    .addCommand(createReportCommand(output, setStatus))
    .addCommand(createDashboardCommand(output, setStatus))
    .addCommand(createReviewCommand(output, setStatus))
    .addCommand(createExportResultsCommand(output, setStatus))
    .addCommand(createCompareCommand(output, setStatus))
    .addCommand(createFailuresCommand(output))
    .addCommand(createForgetCommand(output, setStatus))
    .addCommand(createPhotosCommand(output, setStatus))
    .addCommand(createRecipeCommand(output, setStatus))
    .addCommand(createWorkerCommand(setStatus))
    .addCommand(createEnqueueCommand(output, setStatus))
    .addCommand(createStatusCommand(output, setStatus))
    .addCommand(createJobsCommand(output, setStatus))
    .addCommand(createWorkersCommand(output))
    .addCommand(createRetryFailedCommand(output, setStatus))
    .hook("preAction", (_, command) => refuseEmpty(command));
  for (const command of [program, ...program.commands.flatMap(withSubcommands)]) {
    command
      .exitOverride()
      .showHelpAfterError('(add "--help" for all options)')
      .configureOutput({
        outputError: (text, write) =>
          write(explainYoloOption(withKnown(text, command)).replace(/^error: /, "orangery: ")),
      });
  }
  return program;
}

/**
 * Refuses empty texts, which unset variables of a shell leave: as a path one would be the current
 * folder, as a condition it would hold for everything. An empty variable of the environment counts
 * as not set.
 */
function refuseEmpty(command: Command): void {
  const isEmpty = (text: unknown) => typeof text === "string" && text.trim() === "";
  const error = (what: string) =>
    command.error(`error: ${what} is empty; is a variable of the shell not set?`);
  if (command.args.some(isEmpty)) error("an argument");
  for (const option of command.options) {
    const name = option.attributeName();
    const value: unknown = command.getOptionValue(name);
    if (![value].flat().some(isEmpty)) continue;
    if (command.getOptionValueSource(name) === "cli") error(`the value of '${option.flags}'`);
    command.setOptionValueWithSource(name, undefined, "default");
  }
}

/** Names the subcommands where another one was asked for, unless one is spelt like it. */
function withKnown(text: string, { parent, commands }: Command): string {
  if (parent === null || !/^error: unknown command '.*'\n$/.test(text)) return text;
  const names = commands.map((command) => command.name());
  return `${text.trimEnd()}. Expected ${names.slice(0, -1).join(", ")} or ${names.at(-1)}\n`;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands];
}

/** Prints an error, unless it has been printed, and returns the exit status. */
function printError(error: unknown): number {
  // The first error, not one that followed while winding up.
  if (error instanceof SuppressedError) return printError(error.suppressed);
  const missing = toMissingPackage(error);
  if (missing !== undefined) return printError(missing);
  if (error instanceof CommanderError) {
    // Commander has printed it already. The help and the version are no errors.
    return error.exitCode === 0 ? exitStatus.ok : exitStatus.usage;
  }
  if (isOrangeryError(error)) {
    const message = error.message.split("\n").map(printable).join("\n");
    process.stderr.write(`orangery: ${message} [${error.code}]\n`);
    return error.code === "INVALID_ARGUMENT" ? exitStatus.usage : exitStatus.error;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`orangery: this should not have happened, please report it: ${text}\n`);
  return exitStatus.error;
}

/** The queue's packages are optional peers, imported by the modules that need them. */
function toMissingPackage(cause: unknown): OrangeryError | undefined {
  const [, name] = /Cannot find (?:package|module) '(bullmq|ioredis)'/.exec(String(cause)) ?? [];
  if (name === undefined) return undefined;
  return new OrangeryError(
    "PACKAGE_MISSING",
    `Expected the package ${name} for queues, but it is not installed. ` +
      "Run `npm install bullmq ioredis`, or `npm install bullmq pg` for a queue in PostgreSQL.",
    { cause },
  );
}
