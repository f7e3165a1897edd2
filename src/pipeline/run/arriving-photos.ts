import { untilAborted } from "../../base/abort.ts";
import type { Worklist } from "../../ledger/worklist/worklist.ts";
import type { PhotoWatch } from "../photos/watch/photo-watch.ts";
import type { WatchEvents } from "../photos/watch/watch-options.ts";

export interface ArrivingPhotosOptions extends WatchEvents {
  readonly watch: PhotoWatch;
  readonly worklist: Worklist;
  /** Called with the number of photos that were put on the list. */
  readonly onArrived?: ((photos: number) => void) | undefined;
}

/** Adds photos to the list as they arrive, while a run processes it. */
export class ArrivingPhotos {
  readonly #options: ArrivingPhotosOptions;
  #news = Promise.withResolvers<boolean>();
  #hasEnded = false;

  constructor(options: ArrivingPhotosOptions) {
    this.#options = options;
  }

  /**
   * Adds photos until the signal aborts, and then resolves at once, though a network folder may not
   * answer.
   */
  async add(signal: AbortSignal): Promise<void> {
    const { watch, worklist, onArrived } = this.#options;
    try {
      const arrivals = watch.arrivals(this.#options, signal);
      for (;;) {
        const { value: photos, done } = await untilAborted(arrivals.next(), signal);
        if (done) return;
        // All are new or changed, or failed for a reason that is gone.
        await worklist.add(photos, { retry: true });
        onArrived?.(photos.length);
        this.#news.resolve(true);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#hasEnded = true;
      this.#news.resolve(false);
    }
  }

  /** Resolves to true when photos have arrived since it last did, to false when none will. */
  async more(): Promise<boolean> {
    const hasMore = await this.#news.promise;
    this.#news = Promise.withResolvers();
    if (this.#hasEnded) this.#news.resolve(false);
    return hasMore;
  }
}
