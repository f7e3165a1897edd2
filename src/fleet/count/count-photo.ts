import { untilAborted } from "../../base/abort.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { ReadPhotoState, ResultStore } from "../../ledger/results/result-store.ts";
import type { ResultWriter } from "../../ledger/results/result-writer.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";
import type { YoloModel } from "../../models/yolo/yolo-model.ts";
import type { ModelUse } from "../../pipeline/count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../../pipeline/count/photo-pipeline.ts";
import { goneFiles } from "../../pipeline/photos/gone-files.ts";
import { photoFailureOf } from "../../pipeline/photos/photo-failure.ts";
import type { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { CountOptions, CountRecipe, ModelRole } from "../../pipeline/recipe/count-recipe.ts";
import type { OwnRegions } from "../../pipeline/regions/own-regions.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import { ModelTask, type ModelTaskOptions } from "../../tasks/model-task.ts";
import type { TaskContext } from "../../tasks/task-context.ts";
import { type PhotoJobData, toPhotoIdentity } from "./photo-job-data.ts";
import { reportSlices } from "./slice-progress.ts";

export interface CountPhotoOptions
  extends ModelTaskOptions,
    Pick<PhotoPipelineOptions, "maxPixels" | "location"> {
  readonly count: CountOptions;
  /** The names that `cache` has the models by. Default: `detect` and `segment`. */
  readonly modelNames?: { readonly [role in ModelRole]?: string | undefined } | undefined;
  /** The regions that `count` names, as they were read. */
  readonly regions?: OwnRegions | undefined;
  /** The hashes of the models' contents; results of other contents are never recorded. */
  readonly sha256: CountRecipe["sha256"];
  /** Where results go, under the recipe that `count` makes. */
  readonly store: ResultStore;
  readonly writer: ResultWriter;
  readonly photos: Pick<PhotoReader, "read">;
  /**
   * Called when a model cannot be had any more. The job then waits for its end, as others may have
   * the model: whoever is called has the worker give its jobs back. Default: the job fails.
   */
  readonly onModelLost?: ((error: OrangeryError) => void) | undefined;
}

/** The outcome for a photo. `known`: identical bytes had a result already. */
export interface CountOutcome {
  readonly outcome: "counted" | "known";
  readonly objects?: number;
}

/**
 * The fleet's own task: reads a photo, counts on it what the models find, and records the result.
 *
 * A result belongs to the photo's contents and the recipe, so a job that the queue gives twice is
 * done at once the second time; done by two workers at the same moment, it is recorded once. Only
 * the ledger decides what is known, and `run` ends when the result is committed.
 */
export class CountPhoto extends ModelTask<PhotoJobData, CountOutcome> {
  readonly #options: CountPhotoOptions;
  /** Photos that were read, for their failures. */
  readonly #photos = new WeakMap<PhotoJobData, ReadPhotoState>();

  constructor(options: CountPhotoOptions) {
    super(options);
    this.#options = options;
  }

  override async run(payload: PhotoJobData, context: TaskContext): Promise<CountOutcome> {
    this.#refuseOtherRecipe(payload);
    try {
      return await this.#count(payload, context);
    } catch (error) {
      context.signal.throwIfAborted();
      await this.#leaveToOthers(error, context.signal);
      const failure = photoFailureOf(error);
      if (failure === undefined || failure.isCertain) throw error;
      // The queue tries it again, whatever the error says of itself.
      throw new OrangeryError("PHOTO_FAILED", failure.reason.message, { cause: error });
    }
  }

  override logFields(payload: PhotoJobData): object {
    return { photo: toPhotoIdentity(payload).source };
  }

  override resultLogFields({ outcome, objects }: CountOutcome): object {
    return { outcome, objects };
  }

  async #count(payload: PhotoJobData, context: TaskContext): Promise<CountOutcome> {
    const { signal, timings, progress, partialWork } = context;
    const { photos, store, writer } = this.#options;
    const pipeline = await this.#pipeline();
    let photo: ReadPhotoState | undefined;
    const opened = await pipeline.openUnknown(() => photos.read(payload.photo, { signal }), {
      isKnown: async (content) => {
        photo = await this.#identify(payload, content, signal);
        const known = await store.knownResults([content.sha256], { signal });
        return known.size > 0 && (await store.recordKnown(photo, { signal }));
      },
      signal,
    });
    if (opened === undefined || photo === undefined) return { outcome: "known" };
    await using countable = opened.photo;
    // The recipe decides the pixels, too.
    const key = `${photo.contentSha256} ${store.recipe.hash}`;
    const resume = partialWork && { partialWork, key };
    const onSlices = reportSlices(progress);
    const result = await countable.count({ source: photo.source, signal, onSlices, resume });
    timings(result.timingsMs);
    await writer.record({ ...photo, result }, { signal });
    return { outcome: "counted", objects: result.objects.length };
  }

  /** Identifies a photo by its contents, which it may have had elsewhere before. */
  async #identify(
    payload: PhotoJobData,
    { sha256: contentSha256, sizeBytes, mtimeUs, capture }: PhotoContent,
    signal: AbortSignal,
  ): Promise<ReadPhotoState> {
    const { source } = toPhotoIdentity(payload);
    const others = await this.#options.store.otherSources({ source, contentSha256 }, { signal });
    const movedFrom = await goneFiles(others);
    const photo = { source, contentSha256, sizeBytes, mtimeUs, capture, movedFrom };
    this.#photos.set(payload, photo);
    return photo;
  }

  /** Records why a photo has no result, once it is certain that it gets none. */
  override async onFailure(
    error: unknown,
    { payload, isLastAttempt }: TaskContext<PhotoJobData>,
  ): Promise<void> {
    const { store } = this.#options;
    const failure = photoFailureOf(error);
    if (failure === undefined || (isRetryable(error) && !isLastAttempt)) return;
    const photo = this.#photos.get(payload) ?? toPhotoIdentity(payload);
    await store.recordFailure({ ...photo, reason: failure.reason });
  }

  /** Waits for the end of a job whose model is gone: what this worker cannot do, another may. */
  async #leaveToOthers(error: unknown, signal: AbortSignal): Promise<void> {
    const { onModelLost } = this.#options;
    if (onModelLost === undefined || !isOrangeryError(error) || error.blames !== "model") return;
    onModelLost(error);
    await untilAborted(new Promise<never>(() => {}), signal);
  }

  /** Of the models that this execution leases. */
  async #pipeline(): Promise<PhotoPipeline> {
    const { count, maxPixels, location } = this.#options;
    const segment = count.segment && (await this.#verifiedModel("segment"));
    const detect = await this.#verifiedModel("detect");
    const use = (role: ModelRole, model: YoloModel): ModelUse => ({
      model,
      options: count[role]?.options,
    });
    return new PhotoPipeline({
      detect: use("detect", detect),
      segment: segment && use("segment", segment),
      regions: this.#options.regions,
      recordFrom: count.recordFrom,
      slicing: count.slicing,
      samples: count.samples,
      decode: count.decode,
      maxPixels,
      location,
    });
  }

  async #verifiedModel(role: ModelRole): Promise<YoloModel> {
    const { modelNames, sha256 } = this.#options;
    const model = await this.model(modelNames?.[role] ?? role);
    if (model.sha256 !== sha256[role]) throw changedModel(model.file);
    return model;
  }

  #refuseOtherRecipe({ recipe }: PhotoJobData): void {
    const { hash } = this.#options.store.recipe;
    if (recipe === hash) return;
    throw new OrangeryError(
      "JOB_DATA_INVALID",
      `Expected a job for the recipe ${hash} in this queue, got one for ${recipe}. ` +
        "Add photos with `orangery enqueue`.",
      { details: { expected: hash, came: recipe } },
    );
  }
}

/** The failure for a model file that is no longer the one of the recipe. */
export function changedModel(file: string): OrangeryError {
  return new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected ${file} to have the contents that the recipe names, but it has changed since. ` +
      "Put it back, or into a folder that --models names.",
    { details: { file } },
  );
}
