import type { PhotoFile } from "../../../ledger/worklist/add-photos.ts";
import type { FindPhotosOptions } from "../photo-files.ts";
import type { PhotoBytes } from "../read-photo.ts";

export type ListOptions = Pick<FindPhotosOptions, "filter" | "leftOut" | "signal">;

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A photo in a list. */
export interface ListedPhoto extends PhotoFile {
  /** What `read` takes. Unlike `source` it may hold a password or a signature: never print it. */
  readonly name: string;
}

/** Reads photos whose names begin in one way: those of a bucket, of the web. */
export interface RemotePhotoReader extends Disposable {
  /** Whether a name stands for any number of photos, not for one. */
  isFolder(name: string): boolean;
  /**
   * The photos under a name, one after another, however many there are.
   *
   * @throws `PHOTO_NOT_FOUND`, `PHOTO_FETCH_FAILED`, or the signal's reason.
   */
  list(name: string, options?: ListOptions): AsyncIterable<ListedPhoto>;
  /**
   * Fetches one photo and hashes it.
   *
   * @throws `PHOTO_NOT_FOUND`, `PHOTO_FETCH_FAILED`, `PHOTO_TOO_LARGE`, `PHOTO_ADDRESS_REFUSED`, or
   *   the signal's reason.
   */
  read(name: string, options?: ReadOptions): Promise<PhotoBytes>;
}

export interface FetchLimits {
  /** Larger photos are refused. */
  readonly maxBytes: number;
  /** For one attempt, from the request to the last byte. */
  readonly timeoutMs: number;
  /** How often a request is made that fails for a reason that may pass. */
  readonly attempts: number;
}
