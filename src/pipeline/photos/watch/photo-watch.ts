import { addAbortListener } from "node:events";
import { inBatches } from "../../../ledger/in-batches.ts";
import type { Compared } from "../../../ledger/worklist/watched-list.ts";
import { LeftOut, type LeftOutCounts } from "../left-out.ts";
import { photoFailureOf } from "../photo-failure.ts";
import { type FindPhotosOptions, type FoundFolder, findPhotosIn } from "../photo-files.ts";
import { listFiles, type PhotoReader } from "../photo-reader.ts";
import type { ListedPhoto } from "../remote/remote-photo-reader.ts";
import { FolderHints } from "./folder-hints.ts";
import { KnownNames } from "./known-names.ts";
import { ListPace } from "./list-pace.ts";
import { SettlingPhotos } from "./settling-photos.ts";
import type { WatchEvents, WatchOptions } from "./watch-options.ts";
import { WatchedPlace } from "./watched-place.ts";
import { canBeOpened, checkWhole } from "./whole-photo.ts";

export interface PhotoWatchOptions extends WatchOptions {
  /** Absolute paths and `s3://…`. */
  readonly names: readonly string[];
  readonly photos: PhotoReader;
  readonly find: Pick<FindPhotosOptions, "filter" | "skipFolders" | "skipFiles">;
  /** Which photos are not on the list as they are now. */
  readonly compare: (photos: readonly ListedPhoto[]) => Promise<Compared<ListedPhoto>>;
}

/** Photos that are opened at once to see whether they are whole. */
const openedAtOnce = 16;

/** Between two looks at hints: a photo that is being written causes many. */
const hintPauseMs = 200;

/** The longest time that a timer takes. */
const longestMs = 2 ** 31 - 1;

/**
 * Finds photos as they arrive in folders and buckets, and hands them on when they are whole.
 *
 * Listing the places is authoritative, since no system reports what other machines write into a
 * network folder. Most lists read only names, and skip known ones; a full list, which also finds
 * changed photos, runs so often that it takes a tenth of the time. The system's reports on local
 * folders make this faster.
 *
 * Known photos are looked up in the results database (`compare`), so that memory does not grow with
 * time. An unavailable place is waited for, and changes nothing.
 */
export class PhotoWatch implements Disposable {
  readonly #options: PhotoWatchOptions;
  readonly #pace: ListPace;
  readonly #places: readonly WatchedPlace[];
  readonly #settling: SettlingPhotos;
  readonly #hints = new FolderHints(() => this.#wake());
  readonly #unreadable = new Map<string, number>();
  #known = new KnownNames();
  #leftOut = new LeftOut();
  #wake = () => {};
  #round = 0;
  #nextHintsMs = 0;

  constructor(options: PhotoWatchOptions) {
    const { settleMs = 2000, everyMs = 5000, names, photos } = options;
    this.#options = options;
    this.#pace = new ListPace(everyMs);
    this.#settling = new SettlingPhotos({ settleMs });
    this.#places = names.map((name) => new WatchedPlace(name, photos));
  }

  /** What the last full list left out. */
  get leftOut(): LeftOutCounts {
    return this.#leftOut.counts;
  }

  /** Returns the name of the place of a photo, if that is away now. */
  async awayPlaceOf(source: string): Promise<string | undefined> {
    for (const place of this.#places) {
      if (place.holds(source) && (await place.absence()) !== undefined) return place.name;
    }
    return undefined;
  }

  /** Lists everything once; yields photos that are whole and not on the list as they are now. */
  async *list(
    events: WatchEvents & { readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<readonly ListedPhoto[]> {
    const { signal } = events;
    const startMs = performance.now();
    const isFull = this.#pace.isFull(startMs);
    if (isFull) {
      this.#round++;
      this.#known = new KnownNames();
      this.#leftOut = new LeftOut();
      this.#hints.beginRound();
    }
    for (const place of this.#places) {
      if (!(await this.#isThere(place, events, signal))) continue;
      yield* this.#listPlace(place, { isFull, events, signal });
    }
    this.#pace.ended({ isFull, startMs, endMs: performance.now() });
    if (!isFull) return;
    this.#hints.endRound();
    for (const [path, round] of this.#unreadable) {
      if (round < this.#round) this.#unreadable.delete(path);
    }
  }

  /** Yields photos as they arrive and are whole, until the signal aborts. */
  async *arrivals(
    events: WatchEvents,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ListedPhoto[]> {
    for (;;) {
      yield* this.#settled();
      if (performance.now() >= this.#pace.nextMs) yield* this.list({ ...events, signal });
      else if (this.#areHintsDue()) yield* this.#followHints(signal);
      signal.throwIfAborted();
      await this.#sleep(signal);
      signal.throwIfAborted();
    }
  }

  [Symbol.dispose](): void {
    this.#hints[Symbol.dispose]();
  }

  async #isThere(
    place: WatchedPlace,
    { onAway, onBack }: WatchEvents,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const error = await place.absence(signal);
    const isAway = error !== undefined;
    if (isAway && !place.isAway) onAway?.(place.name, error);
    if (!isAway && place.isAway) onBack?.(place.name);
    place.isAway = isAway;
    return !isAway;
  }

  async *#listPlace(
    place: WatchedPlace,
    { isFull, events, signal }: ListContext,
  ): AsyncGenerator<readonly ListedPhoto[]> {
    const unreadable: [path: string, error: unknown][] = [];
    const find = {
      ...this.#options.find,
      signal,
      inAnyOrder: true,
      leftOut: isFull ? this.#leftOut : undefined,
      isKnown: isFull ? undefined : (path: string) => this.#known.has(path),
      onFolder: (folder: FoundFolder) => this.#hints.watch(place.name, folder),
      onUnreadable: (path: string, error: unknown) => unreadable.push([path, error]),
    };
    try {
      const batches = inBatches(this.#options.photos.list([place.name], find));
      for await (const photos of batches) {
        const unknown = photos.filter(({ source }) => isFull || !this.#known.has(source));
        yield* this.#sift(unknown, place);
        // Listing may take minutes.
        yield* this.#settled();
      }
    } catch (error) {
      // The place has gone meanwhile: the next look at it reports that.
      if (!photoFailureOf(error)?.isCertain) throw error;
    }
    if (unreadable.length === 0 || (await place.absence(signal)) !== undefined) return;
    for (const [path, error] of unreadable) {
      if (!this.#unreadable.has(path)) events.onUnreadable?.(path, error);
      this.#unreadable.set(path, this.#round);
    }
  }

  /** Looks at what the system reported. */
  async *#followHints(signal: AbortSignal): AsyncGenerator<readonly ListedPhoto[]> {
    this.#nextHintsMs = performance.now() + hintPauseMs;
    const hints = this.#hints.take();
    if (hints === undefined) {
      this.#pace.hurry();
      return;
    }
    for (const place of this.#places.filter(({ isAway }) => !isAway)) {
      const belows = hints.filter((hint) => hint.place === place.name).map(({ below }) => below);
      const onFolder = (folder: FoundFolder) => this.#hints.watch(place.name, folder);
      const find = { ...this.#options.find, inAnyOrder: true, signal, onFolder };
      const photos = findPhotosIn(place.name, belows, find);
      for await (const some of inBatches(listFiles(photos))) yield* this.#sift(some, place);
    }
  }

  /** Yields those that are whole; others that are not on the list have to settle. */
  async *#sift(
    photos: readonly ListedPhoto[],
    place: WatchedPlace,
  ): AsyncGenerator<readonly ListedPhoto[]> {
    const { other, notFound } = await this.#options.compare(photos);
    const nowMs = performance.now();
    const young = new Set<ListedPhoto>();
    for (const photo of other) {
      if (place.isRemote || this.#settling.isRested(photo)) continue;
      young.add(photo);
      this.#settling.see(photo, nowMs);
    }
    for (const photo of photos) if (!young.has(photo)) this.#known.add(photo.source);
    const whole = other.filter((photo) => !young.has(photo));
    for (const photo of place.isRemote ? [] : notFound) {
      if (await canBeOpened(photo)) whole.push(photo);
    }
    if (whole.length > 0) yield whole;
  }

  /** Yields photos that have been quiet long enough. */
  async *#settled(): AsyncGenerator<readonly ListedPhoto[]> {
    const quiet = this.#settling.takeQuiet(performance.now());
    for (let from = 0; from < quiet.length; from += openedAtOnce) {
      const some = quiet.slice(from, from + openedAtOnce);
      const checked = await Promise.all(some.map(checkWhole));
      const whole = some.filter((_, i) => checked[i] === "whole");
      for (const [i, state] of checked.entries()) {
        if (state === "busy") this.#settling.see(some[i]!, performance.now());
        else if (typeof state === "object") this.#settling.see(state, performance.now());
      }
      for (const { source } of whole) this.#known.add(source);
      if (whole.length > 0) yield whole;
    }
  }

  #areHintsDue(): boolean {
    return !this.#hints.isEmpty && performance.now() >= this.#nextHintsMs;
  }

  /** Sleeps until something is due, is reported, or the signal aborts. */
  async #sleep(signal: AbortSignal): Promise<void> {
    const woken = Promise.withResolvers<void>();
    const hintsMs = () => (this.#hints.isEmpty ? Infinity : this.#nextHintsMs);
    const dueMs = Math.min(this.#pace.nextMs, this.#settling.nextQuietMs, hintsMs());
    const timer = setTimeout(
      woken.resolve,
      Math.min(Math.max(0, dueMs - performance.now()), longestMs),
    );
    this.#wake = woken.resolve;
    using _listener = addAbortListener(signal, () => woken.resolve());
    await woken.promise;
    clearTimeout(timer);
  }
}

interface ListContext {
  readonly isFull: boolean;
  readonly events: WatchEvents;
  readonly signal: AbortSignal | undefined;
}
