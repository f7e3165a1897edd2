/** The task module of `orangery worker --broker`: sets a process up to serve a Celery app. */
import { importTaskModule, unusableModule } from "../../process/import-task-module.ts";
import { setUpTask, type TaskEnvironment, type WorkerSetup } from "../../process/task-module.ts";
import type { WorkerTuning } from "../../worker/worker-options.ts";
import type { CeleryTask } from "../app/celery-options.ts";
import { createCeleryWorker } from "../create-celery-worker.ts";
import type { CelerySettings } from "./celery-settings.ts";
import { openCounting, type PreparedTask } from "./open-counting.ts";

export default async function setUpCelery(environment: TaskEnvironment): Promise<WorkerSetup> {
  const { app, modules, counting } = environment.settings as CelerySettings;
  await using stack = new AsyncDisposableStack();
  const prepared = new Map<string, PreparedTask>();
  for (const [name, module] of Object.entries(modules)) {
    prepared.set(name, await setUpModule(module, environment, stack));
  }
  if (counting !== undefined) {
    prepared.set(counting.task, await openCounting(counting, environment, stack));
  }
  const tasks = Object.fromEntries(Array.from(prepared, ([name, { served }]) => [name, served]));
  const cache = [...prepared.values()].find((task) => task.cache !== undefined)?.cache;
  const owned = stack.move();
  return {
    cache,
    openWorker: ({ name, workerId, logger, onJobEnd, onShutdown, ...options }) =>
      createCeleryWorker(tasks, {
        ...tuningOf(options),
        ...app,
        name,
        workerId,
        logger,
        cache,
        autostart: false,
        onJobEnd,
        onShutdown,
        prepare: async (signal) => {
          for (const task of prepared.values()) await task.prove(signal);
        },
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What a worker's options say that is not about BullMQ. */
function tuningOf(options: WorkerTuning): Omit<WorkerTuning, "prefix"> {
  const { concurrency, attempts, backoffMs, maxCrashes, jobLogs } = options;
  const { lockDurationMs, stalledIntervalMs, maxBlockedMs } = options;
  const jobs = { concurrency, attempts, backoffMs, maxCrashes, jobLogs };
  return { ...jobs, lockDurationMs, stalledIntervalMs, maxBlockedMs };
}

async function setUpModule(
  url: string,
  environment: TaskEnvironment,
  stack: AsyncDisposableStack,
): Promise<PreparedTask> {
  const setup = stack.use(await setUpTask(url, { ...environment, settings: undefined }));
  if (!("task" in setup)) {
    throw unusableModule(url, {
      expected: "to set up one task",
      came: "it sets up workers of its own, which take no messages of Celery",
    });
  }
  const { parameters } = (await importTaskModule(url)) as Pick<CeleryTask, "parameters">;
  const { task, parse, cache } = setup;
  return {
    served: { task, parse, parameters } as CeleryTask,
    cache,
    prove: (signal) => setup.prove(signal),
  };
}
