import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { anySignal } from "../../base/abort.ts";
import { photosInProgress } from "../../base/threads/photos-in-progress.ts";
import { OrangeryError } from "../../errors.ts";
import { inBatches } from "../../ledger/in-batches.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import type { Recipe } from "../../ledger/recipe.ts";
import { readSavedRecipes } from "../../ledger/recipe-rows.ts";
import { Worklist } from "../../ledger/worklist/worklist.ts";
import type { WorklistView } from "../../ledger/worklist/worklist-view.ts";
import { silentLogger } from "../../logger.ts";
import { ModelCache, type ModelLease, type ReducedModel } from "../../models/cache/model-cache.ts";
import type { ModelUse } from "../count/model-use.ts";
import { PhotoPipeline } from "../count/photo-pipeline.ts";
import { LeftOut, type LeftOutCounts } from "../photos/left-out.ts";
import { PhotoFilter } from "../photos/photo-filter.ts";
import type { PhotoPath } from "../photos/photo-paths.ts";
import { PhotoReader } from "../photos/photo-reader.ts";
import type { ListedPhoto } from "../photos/remote/remote-photo-reader.ts";
import { PhotoWatch } from "../photos/watch/photo-watch.ts";
import { checkWatch } from "../photos/watch/watch-options.ts";
import { type SettledOnPhotos, settleOnPhotos } from "../precision/settle-on-photos.ts";
import type { SettledPrecision } from "../precision/settle-precision.ts";
import {
  type CountRecipe,
  countRecipe,
  type JobModel,
  type MadeRecipe,
  type ModelRole,
  recipeOf,
} from "../recipe/count-recipe.ts";
import type { OwnRegions } from "../regions/own-regions.ts";
import { AnnotatedPictures } from "./annotated-pictures.ts";
import { ArrivingPhotos } from "./arriving-photos.ts";
import { drawMissingPictures } from "./missing-pictures.ts";
import {
  type AddOptions,
  checkAddOptions,
  checkPhotoJobOptions,
  checkRunOptions,
  type PhotoJobOptions,
  type PhotoJobRunOptions,
} from "./photo-job-options.ts";
import { type PhotoRunOptions, runPhotos } from "./photo-run.ts";

/**
 * Up to this many photos are looked up by name; beyond it, missing pictures are searched for all
 * photos.
 */
const mostUndrawn = 500;

/**
 * The main job: photos in, counts out, resumable. Open it, {@link add} the photos, {@link run};
 * then the {@link view} has the outcome. Stopped at any point and started again with the same
 * arguments, it resumes.
 */
export class PhotoJob implements AsyncDisposable {
  /** The models; events report every load and fallback. */
  readonly cache: ModelCache;
  /**
   * The hash of the job's recipe, by which its results are read: a results file may hold those of
   * other recipes, too.
   */
  readonly recipeHash: string;
  /** What the networks compute in, and why. */
  readonly precision: Pick<SettledPrecision, "precision" | "reason" | "proof">;
  readonly #options: PhotoJobOptions;
  readonly #photos: PhotoReader;
  readonly #filter: PhotoFilter;
  readonly #leftOut = new LeftOut();
  readonly #watch: PhotoWatch | undefined;
  readonly #worklist: Worklist;
  readonly #pictures: AnnotatedPictures | undefined;
  readonly #sha256: CountRecipe["sha256"];
  readonly #regions: OwnRegions | undefined;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  private constructor(options: PhotoJobOptions, parts: JobParts) {
    this.#options = options;
    this.cache = parts.cache;
    this.recipeHash = parts.recipeHash;
    this.#photos = parts.photos;
    this.#filter = parts.filter;
    this.#worklist = parts.worklist;
    this.#pictures = parts.pictures;
    this.#sha256 = parts.sha256;
    this.#regions = parts.regions;
    this.precision = parts.precision;
    const { watch, paths: names } = options;
    if (watch === undefined) return;
    const find = this.#find;
    const compare = this.#worklist.compare.bind(this.#worklist);
    this.#watch = new PhotoWatch({ ...watch, names, photos: this.#photos, find, compare });
  }

  /**
   * Makes sure that paths and models exist and opens the results file. No model is loaded yet.
   *
   * @throws `PHOTO_NOT_FOUND`, `MODEL_NOT_FOUND`, `REGIONS_*`, `INVALID_ARGUMENT`, `LEDGER_*`,
   *   `NO_SPACE`
   */
  static async open(options: PhotoJobOptions): Promise<PhotoJob> {
    checkPhotoJobOptions(options);
    const { annotateFolder, logger = silentLogger } = options;
    await using stack = new AsyncDisposableStack();
    const { allowPrivateAddresses } = options;
    const photos = stack.use(new PhotoReader({ allowPrivateAddresses, remembersNames: true }));
    const filter = new PhotoFilter(options);
    const { watch } = options;
    if (watch !== undefined) checkWatch({ ...options, watch });
    const paths = await photos.check(options.paths);
    const made = await countRecipe(options);
    const precision = await settle(options, { made, filter });
    const { count, list } = precision;
    const { recipe, sha256 } = recipeOf(count, made.sha256);
    const pictures =
      annotateFolder === undefined ? undefined : new AnnotatedPictures(annotateFolder);
    await pictures?.prepare();
    if (pictures !== undefined) await refuseToMix(pictures.folder, paths);
    const worklist = stack.use(await Worklist.open(options.resultsFile, recipe, { logger }));
    const cache = stack.use(
      new ModelCache({
        models: {
          detect: cachedModel(count.detect),
          ...(count.segment && { segment: cachedModel(count.segment) }),
        },
        device: options.device,
        requireDevice: options.requireDevice,
        logger,
      }),
    );
    stack.move();
    const { regions } = made;
    const { hash: recipeHash } = recipe;
    const opened = { photos, filter, worklist, pictures, cache };
    const parts = { ...opened, recipeHash, sha256, regions, precision };
    return new PhotoJob({ ...options, ...count, list }, parts);
  }

  /** Absolute path of the results file. */
  get resultsFile(): string {
    return this.#worklist.file;
  }

  /** What became of the photos that were added. */
  get view(): WorklistView {
    return this.#worklist.view;
  }

  /** Whether another process works with the same results file. */
  async isShared(): Promise<boolean> {
    return await this.#worklist.isShared();
  }

  /** What the folders held besides photos, counted while photos are added. */
  get leftOut(): LeftOutCounts {
    return this.#watch?.leftOut ?? this.#leftOut.counts;
  }

  /**
   * Looks for the photos and puts them on the list; returns how many there are. A job that watches
   * adds those that are whole, and does that again in {@link run}.
   */
  async add(addOptions: AddOptions = {}): Promise<number> {
    checkAddOptions(addOptions);
    this.#requireOpen();
    const { onFound, ...options } = addOptions;
    const { retry } = this.#options;
    let found = 0;
    for await (const photos of this.#watch?.list(options) ?? inBatches(this.#list(options))) {
      await this.#worklist.add(photos, { retry });
      found += photos.length;
      onFound?.(found);
    }
    return found;
  }

  async *#list(options: Omit<AddOptions, "onFound">): AsyncGenerator<ListedPhoto> {
    const { paths, list = [] } = this.#options;
    const all = { ...options, ...this.#find, leftOut: this.#leftOut };
    yield* this.#photos.list(paths, all);
    yield* this.#photos.listEach(list, all);
  }

  get #find() {
    return {
      filter: this.#filter,
      skipFolders: this.#pictures && [this.#pictures.folder],
      skipFiles: [this.resultsFile],
    };
  }

  /**
   * Processes waiting photos, then draws missing pictures. Models are loaded only if there is work
   * for them, or if the job watches: then it continues with arriving photos until it is stopped.
   */
  async run(options: PhotoJobRunOptions = {}): Promise<void> {
    checkRunOptions(options);
    this.#requireOpen();
    const stop = anySignal(options.stop, this.#closing.signal);
    const running = this.#run({ ...options, stop });
    this.#running.add(running);
    try {
      await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #run(options: PhotoJobRunOptions): Promise<void> {
    if (this.#watch !== undefined) return await this.#runOn(this.#watch, options);
    if (await this.#worklist.isUnfinished()) await this.#work(options);
    await this.#drawMissing(options);
  }

  async #runOn(watch: PhotoWatch, options: PhotoJobRunOptions): Promise<void> {
    const { stop, signal, onPhoto } = options;
    const failed = new AbortController();
    const ended = new AbortController();
    const arriving = new ArrivingPhotos({ ...options, watch, worklist: this.#worklist });
    const adding = arriving.add(anySignal(stop, signal, ended.signal));
    adding.catch((error: unknown) => failed.abort(error));
    /** Photos whose pictures may be missing; undefined for all. */
    let undrawn: string[] | undefined;
    try {
      await this.#work({
        ...options,
        signal: anySignal(signal, failed.signal),
        places: watch,
        onPhoto: async (event) => {
          await onPhoto?.(event);
          if (event.outcome !== "known" || this.#pictures === undefined) return;
          if (undrawn?.push(event.source) === mostUndrawn) undrawn = undefined;
        },
        more: async () => {
          await this.#drawMissing(options, undrawn);
          undrawn = [];
          return await arriving.more();
        },
      });
    } finally {
      ended.abort();
    }
    await adding;
  }

  async #work(options: PhotoJobRunOptions & Pick<PhotoRunOptions, "more" | "places">) {
    const { signal, onPhoto } = options;
    const { maxPixels, recordFrom, slicing, samples, decode, location } = this.#options;
    await using stack = new AsyncDisposableStack();
    const segment = this.#options.segment && stack.use(await this.#acquire("segment", signal));
    const detect = stack.use(await this.#acquire("detect", signal));
    const pipeline = new PhotoPipeline({
      detect: this.#use("detect", detect),
      segment: segment && this.#use("segment", segment),
      regions: this.#regions,
      recordFrom,
      slicing,
      samples,
      decode,
      maxPixels,
      location,
    });
    await runPhotos({
      ...options,
      worklist: this.#worklist,
      pipeline,
      photos: this.#photos,
      pictures: this.#pictures,
      lookahead: photosInProgress(detect.model) - 1,
      onPhoto: async (event) => {
        await onPhoto?.(event);
        if (event.outcome !== "known" && event.outcome !== "gone") await this.cache.taskDone();
      },
    });
  }

  async #drawMissing(
    { stop, signal, onPicture }: PhotoJobRunOptions,
    sources?: readonly string[],
  ): Promise<void> {
    if (this.#pictures === undefined || stop?.aborted || sources?.length === 0) return;
    const { maxPixels, samples } = this.#options;
    await drawMissingPictures({
      worklist: this.#worklist,
      pictures: this.#pictures,
      photos: this.#photos,
      openOptions: { ...samples, maxPixels },
      stop,
      signal,
      onPicture,
      sources,
    });
  }

  /**
   * Stops runs in progress as `stop` does and waits for them, releases the models and closes the
   * results file. Not to be awaited by what a run waits for, such as `onPhoto`.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#running);
    await using stack = new AsyncDisposableStack();
    stack.use(this.#photos);
    stack.use(this.#worklist);
    stack.use(this.cache);
    stack.use(this.#watch);
  }

  #requireOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected an open job, but the one of ${this.resultsFile} was closed. ` +
        "Open another with the same options: it goes on where this one ended.",
      { details: { resultsFile: this.resultsFile } },
    );
  }

  async #acquire(role: ModelRole, signal?: AbortSignal): Promise<ModelLease> {
    const lease = await this.cache.acquire(role, { signal });
    const { file, sha256 } = lease.model;
    if (sha256 === this.#sha256[role]) return lease;
    await lease[Symbol.asyncDispose]();
    throw new OrangeryError(
      "MODEL_LOAD_FAILED",
      `Expected ${file} to stay as it was when the run started, but it was changed meanwhile. ` +
        "Start again: its results will be new ones.",
      { details: { file } },
    );
  }

  #use(role: ModelRole, { model }: ModelLease): ModelUse {
    return { model, options: this.#options[role]?.options };
  }
}

/** Pictures among the photos would be taken for photos; a folder of their own below is left out. */
async function refuseToMix(folder: string, paths: readonly PhotoPath[]): Promise<void> {
  const { dev, ino } = await stat(folder, { bigint: true });
  if (!paths.some(({ stats }) => stats.dev === dev && stats.ino === ino)) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a folder of their own for annotated pictures, but photos are read from ${folder}. ` +
      "Name another folder; it may be inside.",
    { details: { folder } },
  );
}

interface JobParts {
  readonly photos: PhotoReader;
  readonly filter: PhotoFilter;
  readonly worklist: Worklist;
  readonly pictures: AnnotatedPictures | undefined;
  readonly cache: ModelCache;
  readonly recipeHash: string;
  readonly sha256: CountRecipe["sha256"];
  readonly regions: OwnRegions | undefined;
  readonly precision: PhotoJob["precision"];
}

/** Settles the precision, by the results that exist or on the job's own photos. */
async function settle(
  options: PhotoJobOptions,
  { made, filter }: { readonly made: MadeRecipe; readonly filter: PhotoFilter },
): Promise<SettledOnPhotos> {
  const { precision = "float32", resultsFile, onTrial: onProgress, annotateFolder } = options;
  const { paths, list, device, maxPixels, allowPrivateAddresses, logger, signal } = options;
  const skipFolders = annotateFolder === undefined ? undefined : [annotateFolder];
  const find = { filter, skipFolders, skipFiles: [resultsFile] };
  const readKnown = () => knownRecipes(resultsFile);
  const { regions } = made;
  const photos = { paths, list, find, maxPixels, allowPrivateAddresses };
  const how = { precision, made, regions, readKnown, device };
  return await settleOnPhotos({ ...photos, ...how, onProgress, logger, signal });
}

async function knownRecipes(resultsFile: string): Promise<readonly Recipe[]> {
  if (!existsSync(resultsFile)) return [];
  await using ledger = await openLedger(resultsFile);
  return await readSavedRecipes(ledger);
}

function cachedModel({ file, calibration, precision }: JobModel): ReducedModel {
  return { file, calibration, precision };
}
