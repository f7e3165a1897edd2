import { hostname } from "node:os";
import type { ModelTask, ModelTaskOptions } from "../../tasks/model-task.ts";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { FleetWorker } from "./fleet-worker.ts";
import { openWorkerCache, toTaskInstance } from "./task-instance.ts";
import {
  checkWorkerOptions,
  type FleetWorkerOptions,
  refuseUnknownWorkerOptions,
} from "./worker-options.ts";

/**
 * A task whose payload is inferred from `execute` alone: a `run` whose context is of any payload
 * would make it unknown.
 */
export type InferredTask<Payload, Result> = Pick<ModelTask<Payload, Result>, "execute"> &
  ModelTask<NoInfer<Payload>, NoInfer<Result>>;

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
  task:
    | InferredTask<Payload, Result>
    | (new (
        options: ModelTaskOptions,
      ) => InferredTask<Payload, Result>),
  options: FleetWorkerOptions<NoInfer<Payload>>,
): FleetWorker<Payload, Result> {
  refuseUnknownWorkerOptions(options);
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
