import type { ListedPhoto } from "../remote/remote-photo-reader.ts";

export interface SettlingPhotosOptions {
  /** How long a photo's size and time have to stay the same. */
  readonly settleMs: number;
  /** The most photos that are watched at a time. Default 50,000, some 15 MB. */
  readonly most?: number | undefined;
}

/**
 * A photo last written this long before it was first seen is whole, even if the clocks of two
 * machines differ somewhat.
 */
const restedMs = 60_000;

/**
 * Photos that may still be written, until they have been quiet for a while. Times are those of a
 * clock that never jumps, such as `performance.now()`.
 */
export class SettlingPhotos {
  readonly #settleMs: number;
  readonly #most: number;
  /** By source, the one that has been quiet the longest first. */
  readonly #photos = new Map<string, { readonly photo: ListedPhoto; readonly sinceMs: number }>();

  constructor({ settleMs, most = 50_000 }: SettlingPhotosOptions) {
    this.#settleMs = settleMs;
    this.#most = most;
  }

  /** Whether a photo needs no quiet time: nobody has written it for long, by the time of day. */
  isRested({ mtimeUs }: ListedPhoto, dateMs = Date.now()): boolean {
    return mtimeUs / 1000 + restedMs + this.#settleMs < dateMs;
  }

  /**
   * Records how a photo was seen: its quiet time begins anew unless it is as before. Where there is
   * no room for one more, the photo has to be seen again later.
   */
  see(photo: ListedPhoto, nowMs: number): void {
    const before = this.#photos.get(photo.source)?.photo;
    if (before === undefined && this.#photos.size >= this.#most) return;
    if (before?.sizeBytes === photo.sizeBytes && before.mtimeUs === photo.mtimeUs) return;
    this.#photos.delete(photo.source);
    this.#photos.set(photo.source, { photo, sinceMs: nowMs });
  }

  /** Takes the photos out that have been quiet long enough. */
  takeQuiet(nowMs: number): ListedPhoto[] {
    const quiet: ListedPhoto[] = [];
    for (const [source, { photo, sinceMs }] of this.#photos) {
      if (sinceMs + this.#settleMs > nowMs) break;
      this.#photos.delete(source);
      quiet.push(photo);
    }
    return quiet;
  }

  /** When the next photo will have been quiet long enough; Infinity without one. */
  get nextQuietMs(): number {
    const [first] = this.#photos.values();
    return first === undefined ? Infinity : first.sinceMs + this.#settleMs;
  }
}
