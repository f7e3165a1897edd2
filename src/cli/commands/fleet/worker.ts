import { pathToFileURL } from "node:url";
import { programModule } from "../../../base/files/program-file.ts";
import { hideCredentials } from "../../../base/url.ts";
import { isOrangeryError } from "../../../errors.ts";
import { type CountSettings, countWorkerUrl } from "../../../fleet/count/count-settings.ts";
import { QueueWatch } from "../../../fleet/depth/queue-watch.ts";
import { requireTaskModule } from "../../../fleet/process/import-task-module.ts";
import { logConsole } from "../../../fleet/process/log-console.ts";
import type { WorkerConfig } from "../../../fleet/process/worker-messages.ts";
import { OpenQueue } from "../../../fleet/queue/open-queue.ts";
import { checkConnection } from "../../../fleet/queue/redis-connection.ts";
import { parseDeviceSlots } from "../../../fleet/supervisor/device-slots.ts";
import { findDevices } from "../../../fleet/supervisor/found-devices.ts";
import { serveFleet } from "../../../fleet/supervisor/serve-fleet.ts";
import { forkProgram } from "../../../fleet/supervisor/start-process.ts";
import { Supervisor } from "../../../fleet/supervisor/supervisor.ts";
import type { Logger } from "../../../logger.ts";
import { fromCaller, modelFromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { jsonLog, type LogLevel } from "../../output/json-log.ts";
import type { MetricsArguments } from "./metrics-options.ts";

export interface WorkerArguments extends QueueArguments, MetricsArguments {
  /** A module of tasks; without it, photos are counted as the queue's recipes say. */
  readonly task?: string;
  readonly results?: string;
  readonly models?: readonly string[];
  readonly recipe?: readonly string[];
  readonly memoryBudget?: number;
  readonly maxPixels?: number;
  readonly location?: boolean;
  readonly allowPrivateAddresses?: boolean;
  readonly devices: string;
  readonly model: Readonly<Record<string, string>>;
  readonly concurrency?: number;
  readonly attempts: number;
  readonly recycleTasks?: number;
  readonly recycleMinutes?: number;
  readonly recycleGrowth: number;
  readonly mostFailures: number;
  readonly deadline: number;
  readonly logLevel: LogLevel;
}

/** Runs `orangery worker`; resolves to the exit status. */
export async function work(options: WorkerArguments): Promise<number> {
  const { task, redis, logLevel } = options;
  checkConnection(redis);
  logConsole(supervisorLog(logLevel));
  const work = task === undefined ? await countingTask(options) : await ownTask(options);
  const supervisor = createSupervisor(options, work);
  await using _monitor = await serveMetrics(supervisor, options);
  using interrupts = new Interrupts({
    signals: ["SIGINT", "SIGTERM"],
    // The supervisor kills processes that do not end.
    windingUpMs: Infinity,
    onInterrupt: (again) => {
      if (again) supervisor.abort();
      else supervisor.stop({ deadlineMs: 1000 * options.deadline });
    },
  });
  using _recycling = onHangUp(() => supervisor.recycle());
  await supervisor.run();
  if (interrupts.abort.aborted) return interrupts.exitStatus!;
  return supervisor.hasGivenUp ? exitStatus.error : exitStatus.ok;
}

type TaskConfig = Pick<WorkerConfig, "task" | "models" | "settings">;

async function ownTask(options: WorkerArguments): Promise<TaskConfig> {
  const { model } = options;
  const task = pathToFileURL(fromCaller(options.task!)).href;
  requireTaskModule(task);
  await checkQueue(options);
  const models = Object.entries(model).map(([name, file]) => [name, modelFromCaller(file)]);
  return {
    task,
    models: Object.fromEntries(models),
    settings: undefined,
  };
}

/** Checks results and queue before any process is started. */
async function countingTask(options: WorkerArguments): Promise<TaskConfig> {
  const { recipe: recipes, memoryBudget, maxPixels, location, allowPrivateAddresses } = options;
  const results = options.results && resultsFromCaller(options.results);
  if (results !== undefined) {
    // Imported late: with what the queue says, and with a task, there is none to open here.
    const { openLedger } = await import("../../../ledger/open-ledger.ts");
    await (await openLedger(results))[Symbol.asyncDispose]();
  }
  await checkQueue(options);
  const settings: CountSettings = {
    results,
    models: options.models?.map(photoFromCaller),
    recipes,
    memoryBudgetBytes: memoryBudget,
    maxPixels,
    location,
    allowPrivateAddresses,
  };
  return { task: countWorkerUrl, models: {}, settings };
}

async function checkQueue({ queue, redis }: QueueArguments): Promise<void> {
  try {
    await (await OpenQueue.open({ connection: redis, queue }))[Symbol.asyncDispose]();
  } catch (error) {
    // Workers wait for a Redis that is away or does not serve, and log it.
    if (!isOrangeryError(error) || error.blames !== "queue" || !error.retryable) throw error;
  }
}

function createSupervisor(options: WorkerArguments, task: TaskConfig): Supervisor {
  const { queue, redis, devices, concurrency, attempts } = options;
  const { recycleTasks, recycleMinutes, recycleGrowth, mostFailures, deadline, logLevel } = options;
  const slots = parseDeviceSlots(devices, { found: findDevices() });
  const logger = supervisorLog(logLevel);
  const names = slots.map(({ name }) => name);
  logger.info({ queue, redis: hideCredentials(redis), slots: names }, "the supervisor starts");
  return new Supervisor({
    slots,
    startProcess: forkProgram(programModule("cli/worker-main"), [logLevel]),
    config: {
      ...task,
      queue,
      connection: { url: redis },
      worker: { attempts, ...(concurrency !== undefined && { concurrency }) },
      orphanDeadlineMs: 1000 * deadline,
    },
    recycle: {
      tasks: recycleTasks,
      ageMs: recycleMinutes && 60_000 * recycleMinutes,
      growthBytesPerTask: recycleGrowth,
    },
    backoff: { mostFailures },
    logger,
  });
}

async function serveMetrics(
  supervisor: Supervisor,
  { queue, redis, metricsPort: port, metricsHost: host, logLevel }: WorkerArguments,
): Promise<AsyncDisposable | undefined> {
  if (port === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const watch = stack.use(new QueueWatch({ queue, connection: redis }));
  const readQueue = () => watch.read();
  stack.use(
    await serveFleet({ supervisor, readQueue, host, port, logger: supervisorLog(logLevel) }),
  );
  return stack.move();
}

function supervisorLog(logLevel: LogLevel): Logger {
  return jsonLog(logLevel, { worker: "supervisor" });
}

/** Listens for SIGHUP until it is disposed. */
function onHangUp(listener: () => void): Disposable {
  process.on("SIGHUP", listener);
  return { [Symbol.dispose]: () => process.off("SIGHUP", listener) };
}
