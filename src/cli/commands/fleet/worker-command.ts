import { Command, InvalidArgumentError, Option } from "commander";
import { isOrangeryError } from "../../../errors.ts";
import { parseDeviceSlots } from "../../../fleet/supervisor/device-slots.ts";
import {
  collect,
  collectNamed,
  expected,
  parseBytes,
  parseCount,
  refuse,
} from "../../options/option-values.ts";
import {
  addLocationOption,
  addMaxPixelsOption,
  addPrivateAddressesOption,
} from "../../options/photo-options.ts";
import { addQueueOptions } from "../../options/queue-options.ts";
import { addResultsOption, resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { logLevels } from "../../output/json-log.ts";
import {
  addDashboardOptions,
  type ServeDashboardArguments,
} from "../dashboard/dashboard-options.ts";
import type { CeleryWorkerArguments } from "./celery-worker.ts";
import { addMetricsOptions } from "./metrics-options.ts";
import type { WorkerArguments } from "./worker.ts";

const help = `
Examples:
  $ orangery worker --queue photos
  $ orangery worker --queue photos --models /srv/models --models s3://bucket/models/
  $ orangery worker --task ./count-plants.ts --queue photos --model detect=plants.onnx
  $ orangery worker --task ./count-plants.ts --queue photos --devices cuda:0,cuda:1
  $ orangery worker --task ./count-plants.ts --queue photos --devices "cpu*2"
  $ orangery worker --broker redis://localhost/0 --celery-task plants.count=./count-plants.ts
  $ orangery worker --broker redis://localhost/0 --recipe plants.json --hostname celery@gpu0

Without --task, photos are counted as their recipes say, which orangery enqueue puts into the queue.
A model is found by its contents: where it was when photos were added, or in the folders and buckets
that --models names. A recipe whose model is not found is left to other workers.

With --broker, the queues are those of a Celery app on Redis or RabbitMQ: a module's task runs for
messages with that task's name, and a recipe's file serves the task orangery.count.

A module's default export is a task class, or a function that sets up a worker. Each device has its
own process, named gpu0@host or cpu0@host, which takes jobs once its models are loaded.

Signals:
  SIGTERM, SIGINT  take no more jobs, finish those in progress, exit
                   a second one: give them back, exit
  SIGHUP           replace every process with a fresh one, without a pause

Exit status:
  0    stopped; jobs unfinished at the deadline are back in the queue
  1    an error: no process can be started, or none became ready
  2    the command line is wrong
  130  stopped at once by a second signal (143 terminated)`;

/** `orangery worker`: worker processes for a queue. */
export function createWorkerCommand(setStatus: (status: number) => void): Command {
  const command = new Command("worker")
    .summary("work on the jobs of a queue, with a process for each device")
    .description("Takes jobs from a BullMQ queue and runs a task for each, on every device.");
  addQueueOptions(command).option(
    "--task <module>",
    "a task of your own: a JavaScript or TypeScript module",
  );
  addResultsOption(command, "where results go (default: where the queue says)");
  addRecipeOptions(command);
  addCeleryOptions(command);
  addLocationOption(addPrivateAddressesOption(addMaxPixelsOption(addWorkerOptions(command))));
  addDashboardOptions(command);
  command.addHelpText("after", help);
  return command.action(async (options: Arguments) => {
    const former = options.detect ?? options.segment;
    if (former !== undefined) {
      command.error(
        "error: workers take models and options from the queue's recipes: give them to " +
          "'orangery enqueue', and leave them out here",
      );
    }
    const { broker, dashboard, results } = options;
    if (dashboard && results === undefined) {
      command.error("error: option '--dashboard' needs to know the results: add '--results'");
    }
    using interrupts = new Interrupts({
      signals: ["SIGINT", "SIGTERM"],
      // Nothing has begun before the supervisor takes over; it kills processes that do not end.
      onInterrupt: () => process.exit(exitStatus.ok),
      windingUpMs: Infinity,
    });
    await using _room = dashboard ? await openDashboard(options) : undefined;
    if (broker !== undefined) {
      refuse(command, ["task", "queue", "queueUrl", "redis"], "with --broker");
      if (options.celeryTask === undefined && options.recipe === undefined) {
        command.error("error: give a '--celery-task' or a '--recipe' with '--broker'");
      }
      if (options.recipe === undefined) {
        refuse(command, ofCounting, "without --recipe");
        if (!dashboard) refuse(command, ofRoom, "without --recipe");
      } else if (options.recipe.length > 1) {
        command.error("error: give one '--recipe' with '--broker', the file that counts");
      }
      if (options.celeryTask === undefined) refuse(command, ["model"], "without --celery-task");
      const { workForCelery } = await import("./celery-worker.ts");
      return setStatus(await workForCelery({ ...options, broker, interrupts }));
    }
    const celeryOnly = ["resultBackend", "celeryTask", "queues", "hostname", "taskEvents"];
    refuse(command, [...celeryOnly, "celeryConfig"], "without --broker");
    if (options.task === undefined) refuse(command, ["model"], "without --task");
    else refuse(command, ["recipe", ...ofCounting, ...ofRoom], "with --task");
    // Imported late: help and usage errors need neither queue nor runtime.
    const { work } = await import("./worker.ts");
    setStatus(await work({ ...options, interrupts }));
  });
}

/** Options of counting as recipes say. */
const ofCounting = ["models", "memoryBudget", "maxPixels", "location"];
/** Options of counting that the control room takes, too. */
const ofRoom = ["results", "allowPrivateAddresses"];

type Arguments = Omit<WorkerArguments, "interrupts"> &
  FormerOptions &
  ServeDashboardArguments &
  Partial<Omit<CeleryWorkerArguments, "interrupts">>;

/** Serves the control room from this process, which counts nothing itself. */
async function openDashboard(options: Arguments): Promise<AsyncDisposable> {
  const { results, dashboardPort: port, allowPrivateAddresses, logLevel } = options;
  const { serveDashboard } = await import("../dashboard/serve-dashboard.ts");
  const { supervisorLog } = await import("./supervise.ts");
  const logger = supervisorLog(logLevel);
  const location = resultsFromCaller(results!);
  const { broker, queue: name, queueUrl: connection } = options;
  // A broker of Celery has no jobs that could be looked at.
  const queue = broker === undefined ? { queue: name, connection } : undefined;
  const served = { results: location, queue, port, allowPrivateAddresses, logger };
  const room = await serveDashboard(served);
  logger.info({ url: room.url }, "the control room is served");
  return room;
}

/** Options that people type out of habit, since `enqueue` and `run` take them. */
interface FormerOptions {
  readonly detect?: string;
  readonly segment?: string;
}

function addRecipeOptions(command: Command): Command {
  return command
    .option(
      "--recipe <name>",
      "serve only this one, by its name or the beginning of its hash; may be repeated",
      collect,
    )
    .option(
      "--models <place>",
      "a folder or s3://bucket/folder/ with models; may be repeated",
      collect,
    )
    .option(
      "--memory-budget <bytes>",
      "most memory of the models of one process, as in 4G (default: no limit)",
      parseBytes,
    )
    .addOption(new Option("--detect <model>").hideHelp())
    .addOption(new Option("--segment <model>").hideHelp());
}

function addCeleryOptions(command: Command): Command {
  return command
    .option("--broker <url>", "serve a Celery app: its broker, a Redis or a RabbitMQ")
    .option(
      "--result-backend <url>",
      "where its results go: a Redis, db+postgresql://… or rpc:// (default: the broker, by " +
        "rpc:// over RabbitMQ)",
    )
    .option(
      "--celery-task <name=module>",
      "run a module's task for the Celery task of that name; may be repeated",
      collectTask,
    )
    .option("--queues <list>", "its queues, separated by commas (default: celery)", parseNames)
    .option("--hostname <node>", "the name among Celery's nodes, such as celery@gpu0")
    .option("--task-events", "send events of tasks, as celery worker -E does")
    .option("--celery-config <file>", "other settings of the app, as JSON");
}

function addWorkerOptions(command: Command): Command {
  command
    .option(
      "--devices <list>",
      "auto, or cpu and cuda:N, separated by commas; cpu*2 is two processes",
      parseDevices,
      "auto",
    )
    .addOption(
      new Option("--model <name=file>", "a model's file by name; may be repeated")
        .argParser(collectModel)
        .default({}, "those of the module"),
    )
    .option(
      "--concurrency <n>",
      "jobs in progress in one process (default: by its cores, 3 to 9 on a CPU, 4 to 8 on a GPU)",
      parseCount,
    )
    .option("--attempts <n>", "attempts of a job that sets no number itself", parseCount, 5)
    .option("--recycle-tasks <n>", "replace a process after this many jobs", parseCount)
    .option("--recycle-minutes <n>", "replace a process after this time", parseCount)
    .option(
      "--recycle-growth <bytes>",
      "replace a process whose memory grows by more with each job",
      parseCount,
      65_536,
    )
    .option(
      "--most-failures <n>",
      "failed starts in a row before a device is given up",
      parseCount,
      10,
    )
    .option(
      "--deadline <seconds>",
      "time for jobs in progress to end when the worker is stopped",
      parseCount,
      25,
    );
  addMetricsOptions(command, "/metrics, /health and /ready");
  return command.addOption(
    new Option("--log-level <level>", "the lowest level to log").choices(logLevels).default("info"),
  );
}

function parseDevices(text: string): string {
  try {
    // Which devices there are is found out later.
    parseDeviceSlots(text, { found: { cuda: [], hasOtherGpu: false } });
    return text;
  } catch (error) {
    if (isOrangeryError(error)) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function collectTask(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const [, name, module] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) throw expected("a name and a module, such as count=./count.ts", text);
  return collectNamed([name, module!], before);
}

function parseNames(text: string): readonly string[] {
  return text.split(",").flatMap((name) => name.trim() || []);
}

function collectModel(text: string, before: Readonly<Record<string, string>>) {
  const [, name, file] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined) throw expected("a name and a file, such as detect=plants.onnx", text);
  return collectNamed([name, file!], before);
}
