/** The task module of `orangery worker` without a task: sets a process up to count on photos. */
import { ModelCache } from "../../models/cache/model-cache.ts";
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { TaskEnvironment, WorkerSetup } from "../process/task-module.ts";
import type { CountSettings } from "./count-settings.ts";
import { RecipeWorkers } from "./recipe-workers.ts";

export default function setUpCounting({
  settings,
  logger,
  workerId,
  device,
  requireDevice,
  intraOpThreads,
}: TaskEnvironment): WorkerSetup {
  const count = settings as CountSettings;
  const stack = new AsyncDisposableStack();
  const photos = stack.use(new PhotoReader({ allowPrivateAddresses: count.allowPrivateAddresses }));
  const cache = stack.use(
    new ModelCache({
      workerId,
      device,
      requireDevice,
      intraOpThreads,
      logger,
      models: {},
      memoryBudgetBytes: count.memoryBudgetBytes,
      warmUp: true,
      // A recipe names its models by their contents: no reload.
      reloadCheckMs: Number.POSITIVE_INFINITY,
    }),
  );
  return {
    cache,
    openWorker: (options) => stack.use(new RecipeWorkers({ ...options, cache, photos, count })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
