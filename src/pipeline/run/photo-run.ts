import { setTimeout as delay } from "node:timers/promises";
import { anySignal } from "../../base/abort.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Pause } from "../../ledger/actions/pause-recipe.ts";
import type { Reason } from "../../ledger/photos/entry-rows.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import type { LeasedPhoto, PhotoContent, Worklist } from "../../ledger/worklist/worklist.ts";
import type { CountablePhoto } from "../count/countable-photo.ts";
import type { PhotoPipeline } from "../count/photo-pipeline.ts";
import type { SliceProgress } from "../count/slice-run.ts";
import { isRemoved, isUnreachable, missingFiles } from "../photos/missing-files.ts";
import { photoFailureOf } from "../photos/photo-failure.ts";
import type { PhotoReader } from "../photos/photo-reader.ts";
import type { PhotoWatch } from "../photos/watch/photo-watch.ts";
import type { AnnotatedPictures } from "./annotated-pictures.ts";

/** What became of one photo in this run. */
export interface PhotoEvent {
  readonly source: string;
  /**
   * `known`: identical bytes had their result already. `retry`: it will be tried again, alone.
   * `gone`: where photos are watched, it was removed meanwhile, or its folder is away.
   */
  readonly outcome: "inferred" | "known" | "retry" | "failed" | "gone";
  readonly result?: PhotoResult;
  readonly reason?: Reason;
}

export interface PhotoRunOptions {
  readonly worklist: Worklist;
  /** What is done with each photo. */
  readonly pipeline: PhotoPipeline;
  /** Reads a photo by its source. */
  readonly photos: Pick<PhotoReader, "read">;
  readonly pictures?: AnnotatedPictures | undefined;
  /**
   * How many photos are read and decoded while one is inferred. At least 0, default 1, which is
   * enough where decoding is the quicker of the two. Each holds a decoded photo in memory, and each
   * becomes a suspect when the process dies.
   */
  readonly lookahead?: number | undefined;
  /** Photos leased at a time. Default 8. */
  readonly batchSize?: number | undefined;
  /** Stops gently: photos that are being inferred are finished, the others are given back. */
  readonly stop?: AbortSignal | undefined;
  /** Stops at once: the run rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called before the first slice of a photo and after each run. */
  readonly onSlices?: ((source: string, progress: SliceProgress) => void) | undefined;
  /** Awaited before the photo's lane goes on. */
  readonly onPhoto?: ((event: PhotoEvent) => void | Promise<void>) | undefined;
  /** Called for each photo whose bytes were known under other names, whose files are gone. */
  readonly onMoved?: ((move: PhotoMove) => void) | undefined;
  /** Called when a person has paused the recipe, and with undefined when it goes on. */
  readonly onPause?: ((pause: Pause | undefined) => void) | undefined;
  /**
   * Called when nothing waits any more; the run goes on where it resolves to true. Default: it
   * ends.
   */
  readonly more?: (() => Promise<boolean>) | undefined;
  /**
   * Recognises places that are temporarily unavailable: photos neither fail nor count as moved
   * because of that, or because they were removed while waiting. Default: none.
   */
  readonly places?: Pick<PhotoWatch, "awayPlaceOf"> | undefined;
}

/** A photo that has moved. */
export interface PhotoMove {
  readonly source: string;
  /** Its earlier sources, which are no photos any more. */
  readonly from: readonly string[];
}

/** If this many photos fail in a row, the photos are not to blame. */
const failuresAllowed = 3;

/** How often to look whether other processes have finished or left something behind. */
const pollMs = 500;

/** How often to look whether a paused recipe goes on. */
const pausedPollMs = 2_000;

/**
 * Processes a list: each photo is begun, read, hashed, claimed, decoded, inferred, counted and
 * recorded.
 *
 * Several lanes do that concurrently: while the device infers one photo, other lanes decode the
 * next and draw and write the previous one. Suspects, the photos on which the process died before,
 * come last and alone, so that the next death is blamed on the right one. Resolves when no photo of
 * the list waits or is leased by another process, or when stopped.
 */
export async function runPhotos(options: PhotoRunOptions): Promise<void> {
  await new PhotoRun(options).run();
}

class PhotoRun {
  readonly #options: PhotoRunOptions;
  readonly #worklist: Worklist;
  readonly #halt = new AbortController();
  /** Ends all waiting: the caller's abort or the failure of a lane. */
  readonly #signal: AbortSignal;
  readonly #queue: LeasedPhoto[] = [];
  /** Photos whose bytes were being inferred elsewhere; still leased, to be claimed again. */
  readonly #postponed: LeasedPhoto[] = [];
  readonly #failedInARow = new Set<number>();
  #leasing: Promise<number> | undefined;
  #isPaused = false;

  constructor(options: PhotoRunOptions) {
    this.#options = options;
    this.#worklist = options.worklist;
    this.#signal = anySignal(this.#halt.signal, options.signal);
  }

  get #isStopping(): boolean {
    return this.#options.stop?.aborted === true;
  }

  async run(): Promise<void> {
    const { lookahead = 1 } = this.#options;
    while (!this.#isStopping) {
      await this.#inParallel(1 + lookahead, () => this.#lane());
      if (this.#isStopping) break;
      if (await this.#workAlone()) continue;
      if (this.#postponed.length === 0 && !(await this.#worklist.isUnfinished())) {
        if (await this.#options.more?.()) continue;
        return;
      }
      const pause = await this.#worklist.pause();
      this.#reportPause(pause);
      await this.#wait(pause === undefined ? pollMs : pausedPollMs);
      if (pause === undefined) await this.#worklist.recover();
    }
    await this.#worklist.release([...this.#queue, ...this.#postponed]);
  }

  /** Runs lanes until all end; the first that fails ends the others. */
  async #inParallel(lanes: number, lane: () => Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled(
      Array.from({ length: lanes }, async () => {
        try {
          await lane();
        } catch (error) {
          this.#halt.abort(error);
          throw error;
        }
      }),
    );
    if (outcomes.some(({ status }) => status === "rejected")) throw this.#signal.reason;
  }

  async #lane(): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted();
      if (this.#isStopping) return;
      const photo = await this.#next();
      if (photo === undefined) return;
      await this.#work(photo);
    }
  }

  async #next(): Promise<LeasedPhoto | undefined> {
    for (;;) {
      if (this.#queue.length > 0 && (await this.#worklist.pause()) !== undefined) {
        await this.#worklist.release(this.#queue.splice(0));
      }
      const photo = this.#queue.shift();
      if (photo !== undefined) return photo;
      // One lane leases for all; the others may have taken everything before this one wakes up.
      this.#leasing ??= this.#lease().finally(() => {
        this.#leasing = undefined;
      });
      if ((await this.#leasing) === 0) return undefined;
    }
  }

  /** Returns the new length of the queue. */
  async #lease(): Promise<number> {
    const { batchSize = 8 } = this.#options;
    const photos = await this.#worklist.lease(batchSize);
    if (photos.length > 0) this.#reportPause(undefined);
    return this.#queue.push(...photos);
  }

  /** Processes photos that must or may run alone. False if there are none. */
  async #workAlone(): Promise<boolean> {
    const postponed = this.#postponed.splice(0);
    for (const photo of postponed) await this.#work(photo);
    if (this.#postponed.length < postponed.length) return true;
    const [suspect] = await this.#worklist.lease(1, { suspects: true });
    if (suspect === undefined) return false;
    await this.#work(suspect);
    return true;
  }

  #reportPause(pause: Pause | undefined): void {
    if (this.#isPaused === (pause !== undefined)) return;
    this.#isPaused = pause !== undefined;
    this.#options.onPause?.(pause);
  }

  async #wait(ms: number): Promise<void> {
    const signal = anySignal(this.#signal, this.#options.stop);
    await delay(ms, undefined, { signal }).catch(() => {});
    this.#signal.throwIfAborted();
  }

  async #work(photo: LeasedPhoto): Promise<void> {
    try {
      await this.#process(photo);
    } catch (error) {
      this.#signal.throwIfAborted();
      await this.#recordFailure(photo, error);
    }
  }

  async #process(photo: LeasedPhoto): Promise<void> {
    const { pipeline, photos } = this.#options;
    if (!(await this.#worklist.begin(photo))) return;
    const signal = this.#signal;
    const opened = await pipeline.openUnknown(() => photos.read(photo.source, { signal }), {
      isKnown: (content) => this.#isKnown(photo, content),
      signal,
    });
    if (opened === undefined) return;
    await using countable = opened.photo;
    if (this.#isStopping) return await this.#worklist.release([photo]);
    const { onSlices = () => {} } = this.#options;
    const result = await countable.count({
      source: photo.source,
      signal,
      onSlices: (progress) => onSlices(photo.source, progress),
    });
    await this.#record({ photo, content: opened.content, pixels: countable.pixels, result });
  }

  /**
   * Claims a photo's contents. Known where they have a result, or where another lane is inferring
   * them.
   */
  async #isKnown(photo: LeasedPhoto, content: PhotoContent): Promise<boolean> {
    const from = await this.#movedFrom(photo, content);
    const claim = await this.#worklist.claim(photo, content, from);
    if (from.length > 0 && claim !== "lost") {
      this.#options.onMoved?.({ source: photo.source, from });
    }
    if (claim === "known") await this.#options.onPhoto?.({ source: photo.source, outcome: claim });
    if (claim === "elsewhere") this.#postponed.push(photo);
    return claim !== "infer";
  }

  async #movedFrom(photo: LeasedPhoto, content: PhotoContent): Promise<string[]> {
    const missing = await missingFiles(await this.#worklist.otherSources(photo, content));
    const { places } = this.#options;
    if (places === undefined) return missing;
    const moved: string[] = [];
    for (const source of missing) {
      if ((await places.awayPlaceOf(source)) === undefined) moved.push(source);
    }
    return moved;
  }

  async #record({ photo, content, pixels, result }: InferredPhoto): Promise<void> {
    const { pictures, onPhoto } = this.#options;
    if (photo.attempts > 0) await pictures?.removeLeftovers(photo.source);
    // Before the commit: a photo that is done has its picture.
    const pictureFile = await pictures?.write(photo.source, pixels, result);
    const contentSha256 = content.sha256;
    const recorded = await this.#worklist.finish(photo, { contentSha256, result, pictureFile });
    this.#failedInARow.clear();
    if (recorded) await onPhoto?.({ source: photo.source, outcome: "inferred", result });
  }

  /** Records a photo that is to blame as failed, and one that may be to blame as a suspect. */
  async #recordFailure(photo: LeasedPhoto, error: unknown): Promise<void> {
    const { source } = photo;
    const { onPhoto } = this.#options;
    const failure = photoFailureOf(error);
    if (failure === undefined) throw error;
    const { reason, isCertain } = failure;
    if (isCertain) {
      if (await this.#withdrawAbsent(photo, error)) return;
      if (await this.#worklist.fail(photo, reason)) {
        await onPhoto?.({ source, outcome: "failed", reason });
      }
      return;
    }
    const isLast = await this.#worklist.failAttempt(photo, reason);
    await onPhoto?.({ source, outcome: isLast ? "failed" : "retry", reason });
    this.#failedInARow.add(photo.entryId);
    if (this.#failedInARow.size < failuresAllowed) return;
    throw new OrangeryError(
      isOrangeryError(error) ? error.code : "PHOTO_FAILED",
      `${failuresAllowed} photos failed one after the other, so the run stops. The last one, ` +
        `${source}: ${error instanceof Error ? error.message : error}`,
      { cause: error, details: { photo: source } },
    );
  }

  /** Removes a missing photo from the list; it is listed again when it is back. */
  async #withdrawAbsent(photo: LeasedPhoto, error: unknown): Promise<boolean> {
    const { places } = this.#options;
    if (places === undefined || !isUnreachable(error)) return false;
    const under = await places.awayPlaceOf(photo.source);
    if (under === undefined && !(await isRemoved(photo.source, error))) return false;
    await this.#worklist.withdraw(photo, { under });
    await this.#options.onPhoto?.({ source: photo.source, outcome: "gone" });
    return true;
  }
}

interface InferredPhoto {
  readonly photo: LeasedPhoto;
  readonly content: PhotoContent;
  readonly pixels: CountablePhoto["pixels"];
  readonly result: PhotoResult;
}
