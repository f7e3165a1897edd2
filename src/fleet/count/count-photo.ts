import { untilAborted } from "../../base/abort.ts";
import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Reason } from "../../ledger/photos/entry-rows.ts";
import type { ReadPhotoState, ResultStore } from "../../ledger/results/result-store.ts";
import type { ResultWriter } from "../../ledger/results/result-writer.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";
import type { YoloModel } from "../../models/yolo/yolo-model.ts";
import type { ModelUse } from "../../pipeline/count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../../pipeline/count/photo-pipeline.ts";
import { missingFiles } from "../../pipeline/photos/missing-files.ts";
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
  /** The models' names in `cache`. Default: `detect` and `segment`. */
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
   * Called when a model is no longer available, or results cannot be recorded. The callee must make
   * the worker give its jobs back, since other workers may succeed; the job waits for that.
   * Default: the job fails.
   */
  readonly onUnfit?: ((error: OrangeryError) => void) | undefined;
  /** Called instead where a newer Orangery has updated the results. Default: `onUnfit`. */
  readonly onOvertaken?: ((error: OrangeryError) => void) | undefined;
}

/**
 * Why results cannot be recorded, whatever the photo. Not `LEDGER_REFUSED`, which may be about a
 * single photo.
 */
const endsRecording: ReadonlySet<ErrorCode> = new Set([
  "NO_SPACE",
  "LEDGER_NEWER",
  "LEDGER_UNREADABLE",
  "LEDGER_NOT_FOUND",
  "LEDGER_ACCESS_DENIED",
]);

/** The outcome for a photo. `known`: identical bytes had a result already. */
export interface CountOutcome {
  readonly outcome: "counted" | "known";
  readonly objects?: number;
}

/**
 * The fleet's own task: reads a photo, counts what the models find, and records the result.
 *
 * A result belongs to the photo's contents and the recipe. So a job that is delivered twice ends at
 * once the second time, and is recorded once even if two workers run it at the same moment. Only
 * the ledger decides what is known; `run` ends when the result is committed.
 */
export class CountPhoto extends ModelTask<PhotoJobData, CountOutcome> {
  readonly #options: CountPhotoOptions;
  /** Photos that were read, to record their failures. */
  readonly #photos = new WeakMap<PhotoJobData, ReadPhotoState>();

  constructor(options: CountPhotoOptions) {
    super(options);
    this.#options = options;
  }

  override async run(
    payload: PhotoJobData,
    context: TaskContext<PhotoJobData>,
  ): Promise<CountOutcome> {
    this.#refuseOtherRecipe(payload);
    try {
      return await this.#count(payload, context).catch((error) => this.#fail(error, context));
    } catch (error) {
      context.signal.throwIfAborted();
      await this.#leaveToOthers(error, context.signal);
      throw error;
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
    // How it is decoded is part of the recipe, too.
    const key = `${photo.contentSha256} ${store.recipe.hash}`;
    const resume = partialWork && { partialWork, key };
    const onSlices = reportSlices(progress);
    const result = await countable.count({ source: photo.source, signal, onSlices, resume });
    timings(result.timingsMs);
    await writer.record({ ...photo, result }, { signal });
    return { outcome: "counted", objects: result.objects.length };
  }

  /** Identifies a photo by its contents, which may be known under another path. */
  async #identify(
    payload: PhotoJobData,
    { sha256: contentSha256, sizeBytes, mtimeUs, capture }: PhotoContent,
    signal: AbortSignal,
  ): Promise<ReadPhotoState> {
    const { source } = toPhotoIdentity(payload);
    const others = await this.#options.store.otherSources({ source, contentSha256 }, { signal });
    const movedFrom = await missingFiles(others);
    const photo = { source, contentSha256, sizeBytes, mtimeUs, capture, movedFrom };
    this.#photos.set(payload, photo);
    return photo;
  }

  /**
   * Records why a photo has no result, once that is final.
   *
   * @throws what the job fails with
   */
  async #fail(error: unknown, context: TaskContext<PhotoJobData>): Promise<never> {
    context.signal.throwIfAborted();
    const failure = photoFailureOf(error);
    if (failure === undefined) throw error;
    const { reason, isCertain } = failure;
    // The queue tries it again, whatever the error's own `retryable`.
    const failed = isCertain
      ? error
      : new OrangeryError("PHOTO_FAILED", reason.message, { cause: error });
    if (!isRetryable(failed) || context.isLastAttempt) {
      await this.#recordFailure(context.payload, reason, context.signal);
    }
    throw failed;
  }

  /** The job was not started, because processes died on it. */
  override async onFailure(error: unknown, { payload }: TaskContext<PhotoJobData>): Promise<void> {
    if (!isOrangeryError(error, "JOB_CRASHED_WORKER")) return;
    await this.#recordFailure(payload, { code: error.code, message: error.message });
  }

  async #recordFailure(payload: PhotoJobData, reason: Reason, signal?: AbortSignal): Promise<void> {
    const photo = this.#photos.get(payload) ?? toPhotoIdentity(payload);
    await this.#options.store.recordFailure({ ...photo, reason }, { signal });
  }

  /** Waits for the end of a job that this worker cannot do, and another may. */
  async #leaveToOthers(error: unknown, signal: AbortSignal): Promise<void> {
    const { onUnfit, onOvertaken = onUnfit } = this.#options;
    if (!isOrangeryError(error)) return;
    if (error.blames !== "model" && !endsRecording.has(error.code)) return;
    const leave = error.code === "LEDGER_NEWER" ? onOvertaken : onUnfit;
    if (leave === undefined) return;
    leave(error);
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

/** The failure for a model file that no longer matches the recipe. */
export function changedModel(file: string): OrangeryError {
  return new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected ${file} to have the contents that the recipe names, but it has changed since. ` +
      "Put it back, or into a folder that --models names.",
    { details: { file } },
  );
}
