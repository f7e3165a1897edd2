import { ModelCache } from "../../models/cache/model-cache.ts";
import type { TaskEnvironment } from "../process/task-module.ts";
import type { CountSettings } from "./count-settings.ts";

/** Creates the cache of a process that counts by recipes: models are added as recipes appear. */
export function createCountingCache(
  { workerId, device, requireDevice, intraOpThreads, logger }: TaskEnvironment,
  { memoryBudgetBytes }: Pick<CountSettings, "memoryBudgetBytes">,
): ModelCache {
  return new ModelCache({
    workerId,
    device,
    requireDevice,
    intraOpThreads,
    logger,
    models: {},
    memoryBudgetBytes,
    warmUp: true,
    // A recipe names its models by their contents, so changed files are not reloaded.
    reloadCheckMs: Number.POSITIVE_INFINITY,
  });
}
