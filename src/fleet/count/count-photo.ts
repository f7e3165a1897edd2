import { OrangeryError } from "../../errors.ts";
import type { ReadPhotoState, ResultStore } from "../../ledger/results/result-store.ts";
import type { ResultWriter } from "../../ledger/results/result-writer.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";
import type { YoloModel } from "../../models/yolo/yolo-model.ts";
import type { ModelUse } from "../../pipeline/count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../../pipeline/count/photo-pipeline.ts";
import { goneFiles } from "../../pipeline/photos/gone-files.ts";
import { photoFailureOf } from "../../pipeline/photos/photo-failure.ts";
import type { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import type { CountOptions, CountRecipe, ModelRole } from "../../pipeline/run/count-recipe.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import { ModelTask, type ModelTaskOptions } from "../../tasks/model-task.ts";
import type { TaskContext } from "../../tasks/task-context.ts";
import { type PhotoJobData, toPhotoIdentity } from "./photo-job-data.ts";
import { otherRecipe } from "./queue-recipe.ts";

export interface CountPhotoOptions
  extends ModelTaskOptions,
    Pick<PhotoPipelineOptions, "maxPixels"> {
  /** How to count. `cache` has the models, as `detect` and `segment`. */
  readonly count: CountOptions;
  /** The hashes of the models' contents; results of other contents are never recorded. */
  readonly sha256: CountRecipe["sha256"];
  /** Where results go, under the recipe that `count` makes. */
  readonly store: ResultStore;
  readonly writer: ResultWriter;
  readonly photos: Pick<PhotoReader, "read">;
}

/** The outcome for a photo. `known`: identical bytes had a result already. */
export interface CountedPhoto {
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
export class CountPhoto extends ModelTask<PhotoJobData, CountedPhoto> {
  readonly #options: CountPhotoOptions;
  /** Photos that were read, for their failures. */
  readonly #photos = new WeakMap<PhotoJobData, ReadPhotoState>();

  constructor(options: CountPhotoOptions) {
    super(options);
    this.#options = options;
  }

  override async run(payload: PhotoJobData, context: TaskContext): Promise<CountedPhoto> {
    this.#refuseOtherRecipe(payload);
    try {
      return await this.#count(payload, context);
    } catch (error) {
      context.signal.throwIfAborted();
      const failure = photoFailureOf(error);
      if (failure === undefined || failure.isCertain) throw error;
      // The queue tries it again, whatever the error says of itself.
      throw new OrangeryError("PHOTO_FAILED", failure.reason.message, { cause: error });
    }
  }

  async #count(payload: PhotoJobData, { signal, timings }: TaskContext): Promise<CountedPhoto> {
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
    const result = await countable.count({ signal });
    timings(result.timingsMs);
    await writer.record({ ...photo, result }, { signal });
    return { outcome: "counted", objects: result.objects.length };
  }

  /** Identifies a photo by its contents, which it may have had elsewhere before. */
  async #identify(
    payload: PhotoJobData,
    { sha256: contentSha256, sizeBytes, mtimeUs }: PhotoContent,
    signal: AbortSignal,
  ): Promise<ReadPhotoState> {
    const { source } = toPhotoIdentity(payload);
    const others = await this.#options.store.otherSources({ source, contentSha256 }, { signal });
    const movedFrom = await goneFiles(others);
    const photo = { source, contentSha256, sizeBytes, mtimeUs, movedFrom };
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

  /** Of the models that this execution leases. */
  async #pipeline(): Promise<PhotoPipeline> {
    const { count, maxPixels } = this.#options;
    const segment = count.segment && (await this.#verifiedModel("segment"));
    const detect = await this.#verifiedModel("detect");
    const use = (role: ModelRole, model: YoloModel): ModelUse => ({
      model,
      options: count[role]?.options,
    });
    return new PhotoPipeline({
      detect: use("detect", detect),
      segment: segment && use("segment", segment),
      slicing: count.slicing,
      samples: count.samples,
      maxPixels,
    });
  }

  async #verifiedModel(role: ModelRole): Promise<YoloModel> {
    const model = await this.model(role);
    if (model.sha256 !== this.#options.sha256[role]) throw changedModel(model.file);
    return model;
  }

  #refuseOtherRecipe({ recipe }: PhotoJobData): void {
    const { hash } = this.#options.store.recipe;
    if (recipe === hash) return;
    throw otherRecipe({ expected: hash, came: recipe });
  }
}

/** The failure for a model file that is no longer the one of the recipe. */
export function changedModel(file: string): OrangeryError {
  return new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected ${file} to stay as it was when the workers were started, but it has changed since. ` +
      "Put it back, or start the workers again: their results will be new ones.",
    { details: { file } },
  );
}
