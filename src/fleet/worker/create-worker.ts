import { OrangeryError } from "../../errors.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ModelTask, ModelTaskOptions } from "../../tasks/model-task.ts";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { FleetWorker } from "./fleet-worker.ts";
import {
  type CheckedWorkerOptions,
  checkWorkerOptions,
  type FleetWorkerOptions,
} from "./worker-options.ts";

/** A class of tasks that is made as `ModelTask` is. */
export type ModelTaskClass<Payload, Result> = new (
  options: ModelTaskOptions,
) => ModelTask<Payload, Result>;

/**
 * Makes a worker that takes jobs from a BullMQ queue and runs a task for each: a task, or a class of
 * which it makes one. It loads its models first, and takes jobs when they are there.
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
 * @throws `INVALID_ARGUMENT`, and what the cache's options are refused for
 */
export function createWorker<Payload, Result>(
  task: ModelTask<Payload, Result> | ModelTaskClass<Payload, Result>,
  options: FleetWorkerOptions<NoInfer<Payload>>,
): FleetWorker<Payload, Result> {
  const checked = checkWorkerOptions(options);
  const { workerId = workerIdFromName(checked.name), logger } = checked;
  const { cache, dispose } = openCache(checked, workerId);
  const prepare = checked.prepare ?? ((signal) => cache.warmUp(undefined, { workerId, signal }));
  const instance = typeof task === "function" ? new task({ cache, workerId, logger }) : task;
  if (typeof instance?.execute !== "function") {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a task with \`execute\`, or a class of tasks, got \`${String(task)}\`. Extend ModelTask.`,
    );
  }
  return new FleetWorker(instance, { ...checked, cache, prepare }, dispose);
}

function openCache<Payload>(
  { cache = { models: {} }, logger }: CheckedWorkerOptions<Payload>,
  workerId: number,
): { readonly cache: ModelCache; readonly dispose: () => Promise<void> } {
  if ("acquire" in cache) return { cache, dispose: async () => {} };
  const own = new ModelCache({ workerId, logger, ...cache });
  return { cache: own, dispose: () => own[Symbol.asyncDispose]() };
}
