import { hostname } from "node:os";
import type { ModelTask } from "../../tasks/model-task.ts";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { FleetWorker } from "./fleet-worker.ts";
import { type ModelTaskClass, openWorkerCache, toTaskInstance } from "./task-instance.ts";
import { checkWorkerOptions, type FleetWorkerOptions } from "./worker-options.ts";

/**
 * Creates a worker that takes jobs from a BullMQ queue and runs a task for each. Given a class, it
 * makes the task. It loads its models before it takes jobs.
 *
 * ```ts
 * const worker = createWorker(CountPlants, {
 *   connection: "redis://localhost:6379",
 *   queue: "photos",
 *   cache: { models: { detect: "plants.onnx" } },
 * });
 * await worker.ready;
 * process.once("SIGTERM", () => worker.close());
 * ```
 *
 * @throws `INVALID_ARGUMENT`, and the errors of `ModelCache` for its options
 */
export function createWorker<Payload, Result>(
  task: ModelTask<Payload, Result> | ModelTaskClass<Payload, Result>,
  options: FleetWorkerOptions<NoInfer<Payload>>,
): FleetWorker<Payload, Result> {
  const checked = checkWorkerOptions(options);
  const { name = `worker@${hostname()}`, logger } = checked;
  const { workerId = workerIdFromName(checked.name) } = checked;
  const { cache, owned } = openWorkerCache({ cache: checked.cache, workerId, logger });
  const instance = toTaskInstance(task, {
    cache,
    workerId,
    logger: logger.child({ worker: name, queue: checked.queue }),
  });
  return new FleetWorker({
    ...checked,
    name,
    task: instance,
    cache,
    ownedCache: owned,
    prepare: checked.prepare ?? ((signal) => cache.warmUp(undefined, { workerId, signal })),
  });
}
