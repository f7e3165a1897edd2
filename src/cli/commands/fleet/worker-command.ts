import { Command, InvalidArgumentError, Option } from "commander";
import { isOrangeryError } from "../../../errors.ts";
import { parseDeviceSlots } from "../../../fleet/supervisor/device-slots.ts";
import {
  addCountOptions,
  addModelOptions,
  type CountArguments,
  readCountOptions,
} from "../../options/count-options.ts";
import { addMaxPixelsOption, parseCount } from "../../options/prediction-options.ts";
import {
  addPrivateAddressesOption,
  addQueueOptions,
  addResultsOption,
} from "../../options/queue-options.ts";
import { logLevels } from "../../output/json-log.ts";
import type { WorkerArguments } from "./worker.ts";

const help = `
Examples:
  $ orangery worker --queue photos --detect plants.onnx --segment beds.onnx --slice 640
  $ orangery worker --task ./count-plants.ts --queue photos --model detect=plants.onnx
  $ orangery worker --task ./count-plants.ts --queue photos --devices cuda:0,cuda:1 --recycle-tasks 5000
  $ orangery worker --task ./count-plants.ts --queue photos --devices "cpu*2"

The module exports a class of tasks, or a function that sets a worker up, as its default. Each device
has a process of its own, named gpu0@host or cpu0@host, which takes jobs when its models are loaded.

Signals:
  SIGTERM, SIGINT  take no more jobs, finish those in hand, end; again: give them back, end
  SIGHUP           replace every process by a fresh one, without a pause

Exit status:
  0    stopped; jobs that did not end by the deadline wait again
  1    an error: no process became ready, however often it was tried
  2    the command line is wrong
  130  stopped at once by a second signal (143 terminated)`;

/** `orangery worker`: worker processes for a queue. */
export function createWorkerCommand(setStatus: (status: number) => void): Command {
  const command = new Command("worker")
    .summary("work on a queue's jobs, a process for each device")
    .description("Takes jobs from a BullMQ queue and runs a task for each, on every device.");
  addModelOptions(command).option(
    "--task <module>",
    "a task of your own instead: a JavaScript or TypeScript module",
  );
  addResultsOption(addQueueOptions(command), "where results go (default: results.db)")
    .addOption(
      new Option(
        "--devices <list>",
        "auto, cpu, cuda:N, with commas between; cpu*2 is two processes",
      )
        .argParser(parseDevices)
        .default("auto"),
    )
    .addOption(
      new Option("--model <name=file>", "a model's file by name; may be repeated")
        .argParser(collectModel)
        .default({}, "those of the module"),
    )
    .addOption(
      new Option(
        "--concurrency <n>",
        "jobs in hand of a process (default: 2 on a CPU, 4 on a GPU)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option("--attempts <n>", "how often a job is tried that does not say so itself")
        .argParser(parseCount)
        .default(5),
    )
    .addOption(
      new Option("--recycle-tasks <n>", "replace a process after so many jobs").argParser(
        parseCount,
      ),
    )
    .addOption(
      new Option("--recycle-minutes <n>", "replace a process after so long").argParser(parseCount),
    )
    .addOption(
      new Option("--recycle-growth <bytes>", "replace a process that grows by more with each job")
        .argParser(parseCount)
        .default(65_536),
    )
    .addOption(
      new Option("--most-failures <n>", "starts in a row that fail before a device is given up")
        .argParser(parseCount)
        .default(10),
    )
    .addOption(
      new Option("--deadline <seconds>", "how long jobs in hand may take when it is stopped")
        .argParser(parseCount)
        .default(25),
    )
    .addOption(
      new Option(
        "--metrics-port <port>",
        "serve /metrics, /health and /ready there; 0 takes a free port",
      ).argParser(parsePort),
    )
    .addOption(
      new Option("--metrics-host <address>", "whom to serve: 0.0.0.0 is everyone").default(
        "127.0.0.1",
      ),
    )
    .addOption(new Option("--log-level <level>", "least level").choices(logLevels).default("info"))
    .addHelpText("after", help);
  addPrivateAddressesOption(addMaxPixelsOption(addCountOptions(command)));
  return command.action(async (options: WorkerArguments & CountArguments) => {
    if (options.task === undefined && options.detect === undefined) {
      command.error("error: option '--detect <model>' is needed, or '--task <module>'");
    }
    if (options.task !== undefined && options.detect !== undefined) {
      command.error("error: '--detect' and '--task' exclude each other: a task has its own models");
    }
    const count = options.task === undefined ? readCountOptions(command, options) : undefined;
    // Only now: help and complaints need neither queue nor runtime.
    const { work } = await import("./worker.ts");
    setStatus(await work({ ...options, count }));
  });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("Expected a port, 0 to 65535.");
}

function parseDevices(text: string): string {
  try {
    // What there is, is looked for later.
    parseDeviceSlots(text, { found: { cuda: [], hasOtherGpu: false } });
    return text;
  } catch (error) {
    if (isOrangeryError(error)) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function collectModel(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, file] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) {
    throw new InvalidArgumentError("Expected a name and a file, such as detect=plants.onnx.");
  }
  return { ...before, [name]: file! };
}
