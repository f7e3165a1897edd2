import { basename, extname } from "node:path";
import { OrangeryError } from "../../errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { Recipe } from "../../ledger/recipe.ts";
import { ResultStore } from "../../ledger/results/result-store.ts";
import { ResultWriter } from "../../ledger/results/result-writer.ts";
import type { ModelCache, ReducedModel } from "../../models/cache/model-cache.ts";
import { reducedPrecision } from "../../models/files/model-file.ts";
import type { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import { PhotoPipeline } from "../../pipeline/count/photo-pipeline.ts";
import type { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { CountOptions, JobModel, ModelRole } from "../../pipeline/recipe/count-recipe.ts";
import type { ModelFinder } from "../../pipeline/recipe/model-finder.ts";
import { readRecipe } from "../../pipeline/recipe/recipe-document.ts";
import { findRegions } from "../../pipeline/regions/find-regions.ts";
import type { LabelledQueuePlace } from "../queue/redis-connection.ts";
import type { QueuedRecipe } from "../recipes/queue-catalogue.ts";
import type { FleetWorker } from "../worker/fleet-worker.ts";
import { checkWorkerOptions, type FleetWorkerOptions } from "../worker/worker-options.ts";
import { CountPhoto, type CountPhotoOptions } from "./count-photo.ts";
import type { CountSettings } from "./count-settings.ts";
import { type PhotoJobData, parsePhotoJobData } from "./photo-job-data.ts";

/** The worker of one recipe. */
export interface RecipePart {
  readonly name: string;
  readonly worker: Pick<FleetWorker, "start" | "close" | "counts" | "trouble" | "setTaking">;
}

export interface ServeRecipeOptions
  extends Omit<FleetWorkerOptions, "cache" | "parse">,
    Pick<CountPhotoOptions, "onUnfit" | "onOvertaken">,
    LabelledQueuePlace {
  readonly cache: ModelCache;
  readonly photos: PhotoReader;
  readonly count: CountSettings;
  readonly ledger: Ledger;
  readonly finder: Pick<ModelFinder, "find">;
  readonly metrics: WorkerMetrics;
  readonly signal: AbortSignal;
}

/**
 * How long a result waits to be written together with others. Short: with two jobs at a time, a
 * waiting photo means a waiting worker.
 */
const maxDelayMs = 1;

/** The options for counting by a recipe. */
export type RecipeTaskOptions = Pick<
  ServeRecipeOptions,
  | "cache"
  | "photos"
  | "count"
  | "ledger"
  | "finder"
  | "workerId"
  | "logger"
  | "signal"
  | "onUnfit"
  | "onOvertaken"
>;

/** The parts of the task that counts by a recipe. */
export interface RecipeTaskParts {
  readonly options: CountPhotoOptions;
  readonly recipe: Recipe;
  /** Writes the remaining results when it is disposed. */
  readonly writer: ResultWriter;
  /** Loads the models and does a run with each. */
  readonly prove: (signal: AbortSignal) => Promise<void>;
}

/**
 * Finds the models of a recipe and opens its results.
 *
 * @throws `RECIPE_INVALID`, `MODEL_…`, `REGIONS_NOT_FOUND`, `LEDGER_…`
 */
export async function openRecipeTask(
  { hash, name, document }: Pick<QueuedRecipe, "name" | "document"> & { readonly hash?: string },
  options: RecipeTaskOptions,
): Promise<RecipeTaskParts> {
  const { cache, photos, count: settings, ledger, signal } = options;
  const { recipe, sha256, count } = readRecipe(document, `Recipe ${name}`);
  if (hash !== undefined && recipe.hash !== hash) throw otherHash(name, hash, recipe.hash);
  const modelNames = await addModels(count, { ...options, sha256 });
  const wanted = count.regions && { ...count.regions, sha256: sha256.regions! };
  const places = settings.models;
  const regions = wanted && (await findRegions(wanted, { places, reader: photos, signal }));
  const store = await ResultStore.open(ledger, recipe, { signal });
  const writer = new ResultWriter(store, { maxDelayMs });
  const { maxPixels, location } = settings;
  return {
    options: {
      ...options,
      count,
      sha256,
      regions,
      modelNames,
      store,
      writer,
      photos,
      maxPixels,
      location,
    },
    recipe,
    writer,
    prove: (proving) => prove(count, { cache, modelNames, signal: proving }),
  };
}

/**
 * Finds the models of a recipe, loads them, does a run with each, and makes a worker for its jobs,
 * which takes none before it is started.
 *
 * @throws `RECIPE_INVALID`, `MODEL_…`, `REGIONS_NOT_FOUND`, `DEVICE_UNAVAILABLE`, `LEDGER_…`,
 *   `QUEUE_…`
 */
export async function serveRecipe(
  queued: QueuedRecipe,
  options: ServeRecipeOptions,
): Promise<RecipePart> {
  const parts = await openRecipeTask(queued, options);
  const checked = checkWorkerOptions<PhotoJobData>({ ...options, parse: parsePhotoJobData });
  // Imported late: other queues do without BullMQ.
  const { FleetWorker } = await import("../worker/fleet-worker.ts");
  const worker = new FleetWorker({
    ...checked,
    name: checked.name!,
    label: options.label,
    task: new CountPhoto(parts.options),
    cache: options.cache,
    metrics: options.metrics,
    ownedCache: parts.writer,
    autostart: false,
    prepare: parts.prove,
  });
  try {
    await worker.ready;
  } catch (error) {
    await worker.close({ deadlineMs: 0 });
    throw error;
  }
  return { name: queued.name, worker };
}

type ModelNames = { readonly [role in ModelRole]: string | undefined };

/** Finds the models, and adds them to the cache by names that say what they are. */
async function addModels(
  { detect, segment }: CountOptions,
  {
    cache,
    finder,
    sha256,
    signal,
  }: Pick<ServeRecipeOptions, "cache" | "finder" | "signal"> & { readonly sha256: ModelNames },
): Promise<ModelNames> {
  const add = async (role: ModelRole, model: JobModel) => {
    const { file, calibration, precision } = model;
    const wanted = { file, sha256: sha256[role]! };
    const path = await finder.find(wanted, signal);
    const name = `${basename(file, extname(file))}@${wanted.sha256.slice(0, 8)}`;
    const reduced = reducedPrecision(model);
    if (reduced === undefined) return addModel(cache, path, name);
    return addModel(cache, { file: path, calibration, precision }, `${name} ${reduced}`);
  };
  return {
    detect: await add("detect", detect),
    segment: segment && (await add("segment", segment)),
  };
}

/** A model that was found again elsewhere gets another name: the old one may still be in use. */
function addModel(cache: ModelCache, model: string | ReducedModel, wantedName: string): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wantedName : `${wantedName}.${count}`;
    if (cache.add(name, model)) return name;
  }
}

/** Loads the models, and checks that they can do what the recipe needs, such as segment. */
async function prove(
  count: CountOptions,
  {
    cache,
    modelNames,
    signal,
  }: { readonly cache: ModelCache; readonly modelNames: ModelNames; readonly signal: AbortSignal },
): Promise<void> {
  await using detect = await cache.acquire(modelNames.detect!, { signal });
  await using segment =
    modelNames.segment === undefined
      ? undefined
      : await cache.acquire(modelNames.segment, { signal });
  new PhotoPipeline({
    detect: { model: detect.model, options: count.detect.options },
    segment: segment && { model: segment.model, options: count.segment?.options },
    recordFrom: count.recordFrom,
    slicing: count.slicing,
    samples: count.samples,
    decode: count.decode,
  });
}

function otherHash(name: string, expected: string, came: string): OrangeryError {
  return new OrangeryError(
    "RECIPE_INVALID",
    `Expected the recipe ${name} to have the hash ${expected.slice(0, 12)}, got ` +
      `${came.slice(0, 12)}: another version of Orangery added it. Add its photos again.`,
    { details: { name, expected, came } },
  );
}
