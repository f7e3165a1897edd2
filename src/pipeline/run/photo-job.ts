import { stat } from "node:fs/promises";
import { OrangeryError } from "../../errors.ts";
import { Worklist } from "../../ledger/worklist/worklist.ts";
import type { WorklistView } from "../../ledger/worklist/worklist-view.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import {
  ModelCache,
  type ModelCacheOptions,
  type ModelLease,
} from "../../models/cache/model-cache.ts";
import type { ModelUse } from "../count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../count/photo-pipeline.ts";
import type { SliceProgress } from "../count/slice-run.ts";
import { LeftOut, type LeftOutCounts } from "../photos/left-out.ts";
import { PhotoFilter, type PhotoFilterOptions } from "../photos/photo-filter.ts";
import type { PhotoPath } from "../photos/photo-paths.ts";
import { PhotoReader } from "../photos/photo-reader.ts";
import type { ListedPhoto } from "../photos/remote/remote-photo-reader.ts";
import {
  type CountOptions,
  type CountRecipe,
  countRecipe,
  type ModelRole,
} from "../recipe/count-recipe.ts";
import { AnnotatedPictures } from "./annotated-pictures.ts";
import { drawMissingPictures } from "./missing-pictures.ts";
import { type PhotoEvent, type PhotoMove, runPhotos } from "./photo-run.ts";

/** The photos, the models, and where results go. */
export interface PhotoJobOptions
  extends CountOptions,
    PhotoFilterOptions,
    Pick<PhotoPipelineOptions, "maxPixels">,
    Pick<ModelCacheOptions, "device" | "requireDevice"> {
  /** Photos and folders, `s3://bucket/folder/` and `https://…`; all have to exist. */
  readonly paths: readonly string[];
  /** More of them, one by one, such as the lines of a file. What is wrong fails by itself. */
  readonly list?: AsyncIterable<string> | Iterable<string> | undefined;
  /** Whether photos by URL may come from private addresses. Default false. */
  readonly allowPrivateAddresses?: boolean | undefined;
  /** The results file; made where it is missing. */
  readonly resultsFile: string;
  /** Where annotated pictures go; without it none are drawn. */
  readonly annotateFolder?: string | undefined;
  /** Tries photos again that failed. Default false. */
  readonly retry?: boolean | undefined;
  readonly logger?: Logger | undefined;
}

/** What is called while photos are looked for. */
export interface AddOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the number of photos that were found so far. */
  readonly onFound?: ((photos: number) => void) | undefined;
  /** Called for each folder that cannot be listed. */
  readonly onUnreadable?: ((folder: string, error: unknown) => void) | undefined;
  /** Called for each of the paths that has no photos. */
  readonly onEmpty?: ((path: string) => void) | undefined;
}

/** What ends a run, and what is called meanwhile. */
export interface PhotoJobRunOptions {
  /** Finishes what is being inferred and resolves. */
  readonly stop?: AbortSignal | undefined;
  /** Rejects as soon as possible. */
  readonly signal?: AbortSignal | undefined;
  /** Called when a photo was worked on. */
  readonly onPhoto?: ((event: PhotoEvent) => void) | undefined;
  /** Called before the first slice of a photo and after each run. */
  readonly onSlices?: ((source: string, progress: SliceProgress) => void) | undefined;
  /** Called when an annotated picture was drawn that was missing. */
  readonly onPicture?: ((file: string) => void) | undefined;
  /** Called for each photo whose bytes were known under other names, whose files are gone. */
  readonly onMoved?: ((move: PhotoMove) => void) | undefined;
}

/** Decoded photos kept ready: with a GPU decoding is the slower part. */
const lookahead = { cpu: 1, gpu: 3 };

/** Rows that one transaction adds: a few milliseconds under the write lock. */
const addedAtOnce = 500;

/**
 * The main job: photos in, counts out, resumable. Open it, {@link add} the photos, {@link run};
 * then the {@link view} has what became of them. Stopped at any point and started again with the
 * same arguments, it goes on where it was.
 */
export class PhotoJob implements AsyncDisposable {
  /** The models; events report every load and fallback. */
  readonly cache: ModelCache;
  readonly #options: PhotoJobOptions;
  readonly #photos: PhotoReader;
  readonly #filter: PhotoFilter;
  readonly #leftOut = new LeftOut();
  readonly #worklist: Worklist;
  readonly #pictures: AnnotatedPictures | undefined;
  readonly #sha256: CountRecipe["sha256"];

  private constructor(options: PhotoJobOptions, parts: JobParts) {
    this.#options = options;
    this.cache = parts.cache;
    this.#photos = parts.photos;
    this.#filter = parts.filter;
    this.#worklist = parts.worklist;
    this.#pictures = parts.pictures;
    this.#sha256 = parts.sha256;
  }

  /**
   * Makes sure that paths and models exist and opens the results file. No model is loaded yet.
   *
   * @throws `PHOTO_NOT_FOUND`, `MODEL_NOT_FOUND`, `INVALID_ARGUMENT`, `LEDGER_*`, `NO_SPACE`
   */
  static async open(options: PhotoJobOptions): Promise<PhotoJob> {
    const { detect, segment, annotateFolder, logger = silentLogger } = options;
    await using stack = new AsyncDisposableStack();
    const { allowPrivateAddresses } = options;
    const photos = stack.use(new PhotoReader({ allowPrivateAddresses, remembersNames: true }));
    const filter = new PhotoFilter(options);
    const paths = await photos.check(options.paths);
    const { recipe, sha256 } = await countRecipe(options);
    const pictures =
      annotateFolder === undefined ? undefined : new AnnotatedPictures(annotateFolder);
    await pictures?.prepare();
    if (pictures !== undefined) await refuseToMix(pictures.folder, paths);
    const worklist = stack.use(await Worklist.open(options.resultsFile, recipe, { logger }));
    const cache = stack.use(
      new ModelCache({
        models: { detect: detect.file, ...(segment && { segment: segment.file }) },
        device: options.device,
        requireDevice: options.requireDevice,
        logger,
      }),
    );
    stack.move();
    return new PhotoJob(options, { photos, filter, worklist, pictures, cache, sha256 });
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
    return this.#leftOut.counts;
  }

  /** Looks for the photos and puts them on the list; returns how many there are. */
  async add({ onFound, ...options }: AddOptions = {}): Promise<number> {
    const { retry } = this.#options;
    let batch: ListedPhoto[] = [];
    let found = 0;
    for await (const photo of this.#list(options)) {
      found++;
      if (batch.push(photo) < addedAtOnce) continue;
      await this.#worklist.add(batch, { retry });
      onFound?.(found);
      batch = [];
    }
    await this.#worklist.add(batch, { retry });
    onFound?.(found);
    return found;
  }

  async *#list(options: Omit<AddOptions, "onFound">): AsyncGenerator<ListedPhoto> {
    const { paths, list = [] } = this.#options;
    const all = {
      ...options,
      filter: this.#filter,
      leftOut: this.#leftOut,
      skipFolders: this.#pictures && [this.#pictures.folder],
      skipFiles: [this.resultsFile],
    };
    yield* this.#photos.list(paths, all);
    yield* this.#photos.listEach(list, all);
  }

  /**
   * Does what waits, then draws the pictures that are missing. Models are loaded only if there is
   * anything for them to do.
   */
  async run(options: PhotoJobRunOptions = {}): Promise<void> {
    const { stop, signal, onPhoto, onSlices, onPicture, onMoved } = options;
    const { maxPixels, slicing, samples } = this.#options;
    const worklist = this.#worklist;
    const pictures = this.#pictures;
    if (await worklist.isUnfinished()) {
      await using stack = new AsyncDisposableStack();
      const segment = this.#options.segment && stack.use(await this.#acquire("segment", signal));
      const detect = stack.use(await this.#acquire("detect", signal));
      const pipeline = new PhotoPipeline({
        detect: this.#use("detect", detect),
        segment: segment && this.#use("segment", segment),
        slicing,
        samples,
        maxPixels,
      });
      await runPhotos({
        worklist,
        pipeline,
        photos: this.#photos,
        pictures,
        lookahead: detect.model.deviceKind === "cpu" ? lookahead.cpu : lookahead.gpu,
        stop,
        signal,
        onMoved,
        onSlices,
        onPhoto: async (event) => {
          onPhoto?.(event);
          if (event.outcome !== "known") await this.cache.taskDone();
        },
      });
    }
    if (pictures === undefined || stop?.aborted) return;
    await drawMissingPictures({
      worklist,
      pictures,
      photos: this.#photos,
      openOptions: { ...samples, maxPixels },
      stop,
      signal,
      onPicture,
    });
  }

  /** Gives leases back, releases the models and closes the results file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using stack = new AsyncDisposableStack();
    stack.use(this.#photos);
    stack.use(this.#worklist);
    stack.use(this.cache);
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
  readonly sha256: CountRecipe["sha256"];
}
