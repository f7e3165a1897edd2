import {
  abortSignal,
  aFunction,
  checkOptions,
  iterableOf,
  loggerShape,
  optionsByName,
  optionsOf,
  refuseUnknown,
  requireOptions,
  text,
  texts,
  trueOrFalse,
} from "../../base/check-options.ts";
import type { Pause } from "../../ledger/actions/pause-recipe.ts";
import type { Logger } from "../../logger.ts";
import type { ModelCacheOptions } from "../../models/cache/model-cache.ts";
import type { PhotoPipelineOptions } from "../count/photo-pipeline.ts";
import type { SliceProgress } from "../count/slice-run.ts";
import type { PhotoFilterOptions } from "../photos/photo-filter.ts";
import type { WatchEvents, WatchOptions } from "../photos/watch/watch-options.ts";
import type { TrialProgress } from "../precision/precision-trial.ts";
import type { WantedPrecision } from "../precision/settle-precision.ts";
import type { CountOptions } from "../recipe/count-recipe.ts";
import type { PhotoEvent, PhotoMove } from "./photo-run.ts";

/** The photos, the models, and where results go. */
export interface PhotoJobOptions
  extends CountOptions,
    PhotoFilterOptions,
    Pick<PhotoPipelineOptions, "maxPixels" | "location">,
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
  /**
   * Keeps running when all photos are done: `run` watches the folders and `s3://` places and counts
   * photos as they arrive, until it is stopped. Default: it ends.
   */
  readonly watch?: WatchOptions | undefined;
  /**
   * What the networks compute in. For `int8` and `auto` they are calibrated on some of the photos
   * and checked on others, unless results exist: those decide. Default `float32`.
   */
  readonly precision?: WantedPrecision | undefined;
  /** Called before each photo on which int8 is tried. */
  readonly onTrial?: ((progress: TrialProgress) => void) | undefined;
  /** Stops {@link PhotoJob.open}. */
  readonly signal?: AbortSignal | undefined;
  readonly logger?: Logger | undefined;
}

/** What is called while photos are looked for. */
export interface AddOptions extends WatchEvents {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the number of photos that were found so far. */
  readonly onFound?: ((photos: number) => void) | undefined;
  /** Called for each of the paths that has no photos. */
  readonly onEmpty?: ((path: string) => void) | undefined;
}

/** What ends a run, and what is called meanwhile; {@link WatchEvents} only where it watches. */
export interface PhotoJobRunOptions extends WatchEvents {
  /** Finishes what is being inferred and resolves. */
  readonly stop?: AbortSignal | undefined;
  /** Rejects as soon as possible. */
  readonly signal?: AbortSignal | undefined;
  /** Called when a photo was worked on, and awaited. */
  readonly onPhoto?: ((event: PhotoEvent) => void | Promise<void>) | undefined;
  /** Called before the first slice of a photo and after each run. */
  readonly onSlices?: ((source: string, progress: SliceProgress) => void) | undefined;
  /** Called with the number of photos that have arrived since it last was, where it watches. */
  readonly onArrived?: ((photos: number) => void) | undefined;
  /** Called when a person has paused the recipe, and with undefined when it goes on. */
  readonly onPause?: ((pause: Pause | undefined) => void) | undefined;
  /** Called when an annotated picture was drawn that was missing. */
  readonly onPicture?: ((file: string) => void) | undefined;
  /** Called for each photo whose bytes were known under other names, whose files are gone. */
  readonly onMoved?: ((move: PhotoMove) => void) | undefined;
}

/**
 * Checks the options of a job that nothing else checks, and their names.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkPhotoJobOptions(options: PhotoJobOptions): void {
  const { paths, list, resultsFile, annotateFolder, retry, watch, signal, logger } = optionsOf(
    "PhotoJobOptions",
    options,
  );
  requireOptions({ paths }, texts("paths"));
  checkOptions({ list }, iterableOf("paths"));
  requireOptions({ resultsFile }, text("a path"));
  checkOptions({ annotateFolder }, text("a path"));
  checkOptions({ retry, allowPrivateAddresses: options.allowPrivateAddresses }, trueOrFalse);
  checkOptions({ watch }, optionsByName);
  checkOptions({ signal }, abortSignal);
  checkOptions({ logger }, loggerShape);
  refuseUnknown("PhotoJobOptions", options, withoutJobOptions(options));
}

/** @throws `INVALID_ARGUMENT` */
export function checkRunOptions(options: PhotoJobRunOptions): void {
  const { stop, signal, ...listeners } = optionsOf("PhotoJobRunOptions", options);
  checkOptions({ stop, signal }, abortSignal);
  const { onPhoto, onSlices, onArrived, onPause, onPicture, onMoved, ...others } = listeners;
  const { onAway, onBack, onUnreadable, ...rest } = others;
  refuseUnknown("PhotoJobRunOptions", options, rest);
  checkOptions({ ...listeners }, aFunction);
}

/** @throws `INVALID_ARGUMENT` */
export function checkAddOptions(options: AddOptions): void {
  const { signal, ...listeners } = optionsOf("AddOptions", options);
  const { onFound, onEmpty, onAway, onBack, onUnreadable, ...rest } = listeners;
  refuseUnknown("AddOptions", options, rest);
  checkOptions({ signal }, abortSignal);
  checkOptions({ ...listeners }, aFunction);
}

function withoutJobOptions(options: PhotoJobOptions) {
  const { paths, list, allowPrivateAddresses, resultsFile, annotateFolder, ...others } = options;
  const { retry, watch, precision, onTrial, signal, logger, device, ...most } = others;
  const { requireDevice, maxPixels, location, exclude, include, ...counting } = most;
  const { detect, segment, regions, recordFrom, slicing, samples, decode, name, ...rest } =
    counting;
  return rest;
}
