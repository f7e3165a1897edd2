import {
  aFunction,
  type Expectation,
  optionsByName,
  refuseUnknown,
  requireOptions,
} from "../../base/check-options.ts";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { openWorkerCache, toTaskInstance } from "../worker/task-instance.ts";
import {
  type CeleryTasks,
  type CeleryWorkerOptions,
  checkCeleryOptions,
  refuseUnknownCeleryOptions,
} from "./app/celery-options.ts";
import { CeleryWorker } from "./celery-worker.ts";

/**
 * Creates a worker that serves tasks under the names of Celery tasks: a Python program calls
 * `count.delay("photo.jpg")`, and this worker runs it. It loads its models before it takes
 * messages.
 *
 * ```ts
 * const worker = createCeleryWorker(
 *   { "plants.count": { task: CountPlants, parameters: ["photo"] } },
 *   { broker: "redis://localhost:6379/0", name: "celery@gpu0", cache: { models } },
 * );
 * await worker.ready;
 * process.once("SIGTERM", () => worker.close());
 * ```
 *
 * @throws `INVALID_ARGUMENT`, and whatever the cache refuses its options with
 */
export function createCeleryWorker(tasks: CeleryTasks, options: CeleryWorkerOptions): CeleryWorker {
  refuseUnknownCeleryOptions(options);
  requireOptions({ tasks }, tasksByName);
  const app = checkCeleryOptions(options);
  const { name, workerId = workerIdFromName(name), logger } = app;
  const { cache, owned } = openWorkerCache({ cache: app.cache, workerId, logger });
  const served = Object.entries(tasks).map(([taskName, given]) => {
    const { task, parameters, parse, ...rest } = "task" in given ? given : { task: given };
    refuseUnknown("CeleryTask", { task, ...rest }, rest);
    const log = logger.child({ worker: name, celeryTask: taskName });
    const instance = toTaskInstance<unknown, unknown>(task, { cache, workerId, logger: log });
    return [taskName, { task: instance, parameters, parse }] as const;
  });
  return new CeleryWorker({
    app,
    tasks: new Map(served),
    cache,
    ownedCache: owned,
    prepare: app.prepare ?? ((signal) => cache.warmUp(undefined, { workerId, signal })),
  });
}

const tasksByName: Expectation = {
  expected: "tasks by the names that Celery calls them",
  holds: (tasks) =>
    optionsByName.holds(tasks) &&
    Object.values(tasks as object).every(
      (task) => optionsByName.holds(task) || aFunction.holds(task),
    ),
};
