import { hostname } from "node:os";
import { OrangeryError } from "../../errors.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ModelTask, ModelTaskOptions } from "../../tasks/model-task.ts";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { FleetWorker } from "./fleet-worker.ts";
import { checkWorkerOptions, type FleetWorkerOptions } from "./worker-options.ts";

/** A class of tasks that is constructed as `ModelTask` is. */
export type ModelTaskClass<Payload, Result> = new (
  options: ModelTaskOptions,
) => ModelTask<Payload, Result>;

/**
 * Creates a worker that takes jobs from a BullMQ queue and runs a task for each: a task, or a class
 * of which it makes one. It loads its models first, and takes jobs when they are there.
 *
 * ```ts
 * await using worker = createWorker(CountPlants, {
 *   connection: "redis://localhost:6379",
 *   queue: "photos",
 *   cache: { models: { detect: "plants.onnx" } },
 * });
 * await worker.ready;
 * ```
 *
 * @throws `INVALID_ARGUMENT`, and whatever the cache refuses its options with
 */
export function createWorker<Payload, Result>(
  task: ModelTask<Payload, Result> | ModelTaskClass<Payload, Result>,
  options: FleetWorkerOptions<NoInfer<Payload>>,
): FleetWorker<Payload, Result> {
  const checked = checkWorkerOptions(options);
  const { name = `worker@${hostname()}`, logger } = checked;
  const { workerId = workerIdFromName(checked.name), cache: given = { models: {} } } = checked;
  const isShared = "acquire" in given;
  const cache = isShared ? given : new ModelCache({ workerId, logger, ...given });
  const instance =
    typeof task === "function"
      ? new task({ cache, workerId, logger: logger.child({ worker: name, queue: checked.queue }) })
      : task;
  if (typeof instance?.execute !== "function") {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected a task with `execute`, or a class of tasks, " +
        `got \`${String(task)}\`. Extend ModelTask.`,
    );
  }
  return new FleetWorker({
    ...checked,
    name,
    task: instance,
    cache,
    ownedCache: isShared ? undefined : cache,
    prepare: checked.prepare ?? ((signal) => cache.warmUp(undefined, { workerId, signal })),
  });
}
