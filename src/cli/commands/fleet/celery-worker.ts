import { hostname as ownHost } from "node:os";
import { pathToFileURL } from "node:url";
import { hideCredentials } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import {
  type CeleryAppOptions,
  checkCeleryOptions,
} from "../../../fleet/celery/app/celery-options.ts";
import {
  type CelerySettings,
  celeryModuleUrl,
} from "../../../fleet/celery/serve/celery-settings.ts";
import type { DeviceSlot } from "../../../fleet/process/device-slot.ts";
import { requireTaskModule } from "../../../fleet/process/import-task-module.ts";
import { logConsole } from "../../../fleet/process/log-console.ts";
import { parseDeviceSlots } from "../../../fleet/supervisor/device-slots.ts";
import { findDevices } from "../../../fleet/supervisor/found-devices.ts";
import { writeRecipe } from "../../../pipeline/recipe/recipe-document.ts";
import { workerIdFromName } from "../../../tasks/worker-id.ts";
import { fromCaller, modelFromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import { readRecipeFile } from "../../options/recipe-file.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";
import { readCeleryConfig } from "./celery-config.ts";
import { checkResults, supervise, supervisorLog } from "./supervise.ts";
import type { WorkerArguments } from "./worker.ts";

export interface CeleryWorkerArguments extends Omit<WorkerArguments, "queue" | "redis" | "task"> {
  readonly broker: string;
  readonly resultBackend?: string;
  readonly celeryTask?: Readonly<Record<string, string>>;
  readonly queues?: readonly string[];
  readonly hostname?: string;
  readonly taskEvents?: boolean;
  readonly celeryConfig?: string;
}

/** The Celery task that counts on a photo. */
const countTask = "orangery.count";

/** Runs `orangery worker --broker`; resolves to the exit status. */
export async function workForCelery(options: CeleryWorkerArguments): Promise<number> {
  const { broker, resultBackend, queues, taskEvents, celeryConfig, logLevel } = options;
  const { celeryTask = {}, model, hostname, devices, concurrency, attempts } = options;
  const configured = celeryConfig === undefined ? {} : await readCeleryConfig(celeryConfig);
  const app: CeleryAppOptions = {
    ...configured,
    broker,
    resultBackend,
    queues: queues ?? (configured.defaultQueue ? [configured.defaultQueue] : undefined),
    sendTaskEvents: taskEvents ?? configured.sendTaskEvents,
  };
  const checked = checkCeleryOptions(app);
  logConsole(supervisorLog(logLevel));
  const tasks = Object.entries(celeryTask).map(([name, module]) => {
    const url = pathToFileURL(fromCaller(module)).href;
    requireTaskModule(url);
    return [name, url] as const;
  });
  const models = Object.entries(model).map(([name, file]) => [name, modelFromCaller(file)]);
  const settings: CelerySettings = {
    app,
    modules: Object.fromEntries(tasks),
    counting: await readCounting(options),
  };
  const found = parseDeviceSlots(devices, { found: findDevices() });
  return await supervise(options, {
    slots:
      hostname === undefined ? found : nameSlots(found, toNodeName(hostname), devices === "auto"),
    config: {
      task: celeryModuleUrl,
      models: Object.fromEntries(models),
      settings,
      queue: checked.queues.join(","),
      connection: { url: broker },
      worker: { attempts, ...(concurrency !== undefined && { concurrency }) },
    },
    logFields: {
      broker: hideCredentials(broker),
      queues: checked.queues,
      tasks: [...Object.keys(celeryTask), ...(settings.counting ? [countTask] : [])],
    },
  });
}

/** Checks recipe and results before any process is started. */
async function readCounting(
  options: CeleryWorkerArguments,
): Promise<CelerySettings["counting"] | undefined> {
  const { recipe: files = [], memoryBudget, maxPixels, location, allowPrivateAddresses } = options;
  const [file] = files;
  if (file === undefined) return undefined;
  const { recipe, sha256, count } = await readRecipeFile(file);
  const results = resultsFromCaller(options.results ?? defaultResults);
  await checkResults(results);
  return {
    task: countTask,
    recipe: { name: recipe.name, document: writeRecipe(count, { recipe, sha256 }) },
    results,
    count: {
      models: options.models?.map(photoFromCaller),
      memoryBudgetBytes: memoryBudget,
      maxPixels,
      location,
      allowPrivateAddresses,
    },
  };
}

/**
 * Returns the name that Celery gives a node: with `celery@` where there is no `@`, and the host's
 * name for `%h`, what is before its first dot for `%n`, and what is behind it for `%d`.
 */
function toNodeName(text: string): string {
  const host = ownHost();
  const [first = "", ...domain] = host.split(".");
  const parts: Record<string, string> = { h: host, n: first, d: domain.join("."), "%": "%" };
  const name = text.replace(/%([hnd%])/g, (_, letter: string) => parts[letter]!);
  return name.includes("@") ? name : `celery@${name}`;
}

/**
 * Names slots as Celery nodes. `celery@gpu1` means the single process on GPU 1, as with Celery,
 * where each GPU has its own worker; with several processes the names contain their slots.
 */
function nameSlots(
  slots: readonly DeviceSlot[],
  hostname: string,
  isAuto: boolean,
): readonly DeviceSlot[] {
  const [first] = slots;
  if (first === undefined) return slots;
  if (!isAuto && slots.length > 1) {
    const [node, host] = hostname.split("@", 2);
    return slots.map((slot) => {
      const place = slot.name.split("@", 1)[0];
      return { ...slot, name: `${node}-${place}${host === undefined ? "" : `@${host}`}` };
    });
  }
  const workerId = workerIdFromName(hostname);
  const slot =
    isAuto && first.kind === "gpu" && first.device !== "auto"
      ? slots.find((other) => other.workerId === workerId)
      : first;
  if (slot === undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a GPU of the number that --hostname ${hostname} names, ${workerId}, got ` +
        `${slots.map(({ device }) => device).join(", ")}. Name another, or give --devices.`,
      { details: { option: "hostname", workerId } },
    );
  }
  return [{ ...slot, name: hostname, workerId: isAuto ? workerId : slot.workerId }];
}
