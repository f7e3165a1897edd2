/** The task module of `orangery worker` without a task: sets a process up to count on photos. */
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { TaskEnvironment, WorkerSetup } from "../process/task-module.ts";
import type { CountSettings } from "./count-settings.ts";
import { createCountingCache } from "./counting-cache.ts";
import { RecipeWorkers } from "./recipe-workers.ts";

export default function setUpCounting(environment: TaskEnvironment): WorkerSetup {
  const count = environment.settings as CountSettings;
  const { onOvertaken } = environment;
  const stack = new AsyncDisposableStack();
  const photos = stack.use(new PhotoReader({ allowPrivateAddresses: count.allowPrivateAddresses }));
  const cache = stack.use(createCountingCache(environment, count));
  return {
    cache,
    openWorker: (options) =>
      stack.use(new RecipeWorkers({ ...options, cache, photos, count, onOvertaken })),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
