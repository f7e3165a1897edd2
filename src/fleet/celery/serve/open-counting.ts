import { settlesWithin } from "../../../base/abort.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import type { ModelCache } from "../../../models/cache/model-cache.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { ModelFinder } from "../../../pipeline/recipe/model-finder.ts";
import { CountNamedPhoto, namedPhotoSchema } from "../../count/count-named-photo.ts";
import { createCountingCache } from "../../count/counting-cache.ts";
import { openRecipeTask } from "../../count/serve-recipe.ts";
import type { TaskEnvironment } from "../../process/task-module.ts";
import type { CeleryTask } from "../app/celery-options.ts";
import type { CountingSettings } from "./celery-settings.ts";

/** How long results that are being written may delay the end. */
const closeMs = 2_000;

/** A task, and its preparation before the first message. */
export interface PreparedTask {
  readonly served: CeleryTask;
  readonly cache: ModelCache | undefined;
  readonly prove: (signal: AbortSignal) => Promise<void>;
}

/** Sets up the task that counts on a photo, which belongs to the stack. */
export async function openCounting(
  { recipe, results, count }: CountingSettings,
  environment: TaskEnvironment,
  stack: AsyncDisposableStack,
): Promise<PreparedTask> {
  const { workerId, logger, onOvertaken, signal = new AbortController().signal } = environment;
  const photos = stack.use(new PhotoReader({ allowPrivateAddresses: count.allowPrivateAddresses }));
  const cache = stack.use(createCountingCache(environment, count));
  // Workers wait for the database as they wait for Redis, however long.
  const ledger = stack.use(
    await openLedger(results, { busyTimeoutMs: Number.POSITIVE_INFINITY, logger, signal }),
  );
  const finder = new ModelFinder({ places: count.models, reader: photos });
  const parts = await openRecipeTask(recipe, {
    cache,
    photos,
    count,
    ledger,
    finder,
    workerId,
    logger,
    onOvertaken,
    signal,
  });
  // Nobody waits for it any more: all tasks have ended, or were left.
  stack.defer(async () => void (await settlesWithin(parts.writer[Symbol.asyncDispose](), closeMs)));
  const { name } = parts.recipe;
  logger.info({ results: ledger.location, recipe: name }, "counts of photos are recorded");
  const served = {
    task: new CountNamedPhoto(parts.options),
    parameters: ["photo"],
    parse: namedPhotoSchema(photos, parts.recipe.hash),
  };
  return { served: served as unknown as CeleryTask, cache, prove: parts.prove };
}
