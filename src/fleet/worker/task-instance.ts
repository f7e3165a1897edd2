import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { ModelCache, type ModelCacheOptions } from "../../models/cache/model-cache.ts";
import type { ModelTask, ModelTaskOptions } from "../../tasks/model-task.ts";

/** A class of tasks that is constructed as `ModelTask` is. */
export type ModelTaskClass<Payload, Result> = new (
  options: ModelTaskOptions,
) => ModelTask<Payload, Result>;

export interface WorkerCacheOptions {
  readonly cache: ModelCache | ModelCacheOptions | undefined;
  readonly workerId: number;
  readonly logger: Logger;
}

/** Returns the given cache, or makes one that the worker owns. */
export function openWorkerCache({
  cache: given = { models: {} },
  workerId,
  logger,
}: WorkerCacheOptions): { readonly cache: ModelCache; readonly owned: ModelCache | undefined } {
  if ("acquire" in given) return { cache: given, owned: undefined };
  const cache = new ModelCache({ workerId, logger, ...given });
  return { cache, owned: cache };
}

/**
 * Returns the given task, or makes one from its class.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function toTaskInstance<Payload, Result>(
  task: ModelTask<Payload, Result> | ModelTaskClass<Payload, Result>,
  options: ModelTaskOptions,
): ModelTask<Payload, Result> {
  // Not `instanceof`: the class may be of another copy of the package.
  const isClass = typeof task === "function" && typeof task.prototype?.execute === "function";
  const instance = isClass ? new task(options) : task;
  if (typeof instance === "object" && typeof instance?.execute === "function") return instance;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected a task with `execute`, or a class of tasks, " +
      `got \`${String(task)}\`. Extend ModelTask.`,
  );
}
