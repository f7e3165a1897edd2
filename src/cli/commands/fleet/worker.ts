import { pathToFileURL } from "node:url";
import { hideCredentials } from "../../../base/url.ts";
import { type CountSettings, countWorkerUrl } from "../../../fleet/count/count-settings.ts";
import { QueueWatch } from "../../../fleet/depth/queue-watch.ts";
import { requireTaskModule } from "../../../fleet/process/import-task-module.ts";
import { logConsole } from "../../../fleet/process/log-console.ts";
import type { WorkerConfig } from "../../../fleet/process/worker-messages.ts";
import { checkQueue } from "../../../fleet/queue/redis-connection.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import { parseDeviceSlots } from "../../../fleet/supervisor/device-slots.ts";
import { findDevices } from "../../../fleet/supervisor/found-devices.ts";
import { fromCaller, modelFromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import {
  checkResults,
  leaveToProcesses,
  type SupervisionArguments,
  supervise,
  supervisorLog,
} from "./supervise.ts";

export interface WorkerArguments extends QueueArguments, SupervisionArguments {
  /** A module of tasks; without it, photos are counted as the queue's recipes say. */
  readonly task?: string;
  readonly results?: string;
  readonly models?: readonly string[];
  readonly recipe?: readonly string[];
  readonly memoryBudget?: number;
  readonly maxPixels?: number;
  readonly location?: boolean;
  readonly allowPrivateAddresses?: boolean;
  readonly model: Readonly<Record<string, string>>;
}

/** Runs `orangery worker`; resolves to the exit status. */
export async function work(options: WorkerArguments): Promise<number> {
  const { task, queue, queueUrl, logLevel, concurrency, attempts } = options;
  checkQueue({ queue, connection: queueUrl });
  logConsole(supervisorLog(logLevel));
  const work = task === undefined ? await countingTask(options) : await ownTask(options);
  await using watch = new QueueWatch({ queue, connection: queueUrl });
  return await supervise(options, {
    slots: parseDeviceSlots(options.devices, { found: findDevices() }),
    config: {
      ...work,
      queue,
      connection: queueUrl,
      worker: { attempts, ...(concurrency !== undefined && { concurrency }) },
    },
    logFields: { queue, server: hideCredentials(queueUrl) },
    readQueue: () => watch.read(),
  });
}

type TaskConfig = Pick<WorkerConfig, "task" | "models" | "settings">;

async function ownTask(options: WorkerArguments): Promise<TaskConfig> {
  const { model } = options;
  const task = pathToFileURL(fromCaller(options.task!)).href;
  requireTaskModule(task);
  await tryQueue(options);
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
  await tryQueue(options, results);
  if (results !== undefined) await checkResults(results);
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

async function tryQueue({ queue, queueUrl }: QueueArguments, results?: string): Promise<void> {
  await leaveToProcesses("queue", async () => {
    await using queues = await FleetQueues.open({ connection: queueUrl, queue, isMade: true });
    if (results === undefined) return;
    await leaveToProcesses("ledger", () => queues.requireResults(results, { busyTimeoutMs: 0 }));
  });
}
