/** The task module of `orangery worker --detect …`: sets a worker process up to count on photos. */
import { openLedger } from "../../ledger/open-ledger.ts";
import { ResultStore } from "../../ledger/results/result-store.ts";
import { ResultWriter } from "../../ledger/results/result-writer.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import { countRecipe } from "../../pipeline/run/count-recipe.ts";
import type { TaskEnvironment, TaskSetup } from "../process/task-module.ts";
import { type CountedPhoto, CountPhoto, changedModel } from "./count-photo.ts";
import type { CountSettings } from "./count-settings.ts";
import { type PhotoJobData, parsePhotoJobData } from "./photo-job-data.ts";

/**
 * How long a result waits for others, to be written with them. Short: with two jobs at a time, a
 * photo that waits is a worker that waits.
 */
const maxDelayMs = 1;

export default async function setUpCounting({
  settings,
  logger,
  workerId,
  device,
  requireDevice,
  intraOpThreads,
}: TaskEnvironment): Promise<TaskSetup<PhotoJobData, CountedPhoto>> {
  const { results, count, recipeHash, maxPixels, allowPrivateAddresses } =
    settings as CountSettings;
  const { recipe, sha256 } = await countRecipe(count);
  // A process that starts later must not go on with another model than those that work already.
  if (recipe.hash !== recipeHash) throw changedModel(modelFiles(count));
  await using stack = new AsyncDisposableStack();
  // Workers wait for a database that is away as they wait for Redis, however long.
  const ledger = stack.use(
    await openLedger(results, { busyTimeoutMs: Number.POSITIVE_INFINITY, logger }),
  );
  const store = await ResultStore.open(ledger, recipe);
  const writer = stack.use(new ResultWriter(store, { maxDelayMs }));
  const photos = stack.use(new PhotoReader({ allowPrivateAddresses }));
  const cache = stack.use(
    new ModelCache({
      workerId,
      device,
      requireDevice,
      intraOpThreads,
      logger,
      models: {
        detect: count.detect.file,
        ...(count.segment && { segment: count.segment.file }),
      },
      warmUp: true,
      // The recipe names the models as they are now: no reload.
      reloadCheckMs: Number.POSITIVE_INFINITY,
    }),
  );
  const task = new CountPhoto({
    cache,
    workerId,
    logger,
    count,
    sha256,
    store,
    writer,
    photos,
    maxPixels,
  });
  const owned = stack.move();
  return {
    task,
    cache,
    parse: parsePhotoJobData,
    prove: (signal) => cache.warmUp(undefined, { signal }),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

function modelFiles({ detect, segment }: CountSettings["count"]): string {
  return segment === undefined ? detect.file : `${detect.file} and ${segment.file}`;
}
