import { checkOptions, wholeNumberFrom } from "../../base/check-options.ts";
import { urlScheme } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import { HttpPhotoReader } from "./remote/http-photo-reader.ts";
import {
  checkPhotoPaths,
  type FindPhotosOptions,
  findPhotos,
  type PhotoPath,
} from "./photo-files.ts";
import { type PhotoBytes, readPhoto } from "./read-photo.ts";
import type {
  FetchLimits,
  ListedPhoto,
  ReadOptions,
  RemotePhotoReader,
} from "./remote/remote-photo-reader.ts";
import { S3PhotoReader } from "./remote/s3-photo-reader.ts";

export interface PhotoReaderOptions extends Partial<FetchLimits> {
  /** Whether `http(s)` photos may come from private addresses. Default false. */
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** Default limits of what is fetched over a network. */
const defaults: FetchLimits = { maxBytes: 512 * 2 ** 20, timeoutMs: 60_000, attempts: 3 };

/**
 * Photos wherever they lie: files and folders by path, `http:` and `https:` URLs, `s3:` buckets.
 */
export class PhotoReader implements Disposable {
  readonly #remote: ReadonlyMap<string, RemotePhotoReader>;
  readonly #maxBytes: number | undefined;

  /** @throws `INVALID_ARGUMENT` for a limit below 1. */
  constructor({ allowPrivateAddresses = false, ...limits }: PhotoReaderOptions = {}) {
    checkOptions({ ...limits }, wholeNumberFrom(1));
    const checked = { ...defaults, ...limits };
    const http = new HttpPhotoReader({ ...checked, allowPrivateAddresses });
    this.#remote = new Map<string, RemotePhotoReader>([
      ["http", http],
      ["https", http],
      ["s3", new S3PhotoReader(checked)],
    ]);
    this.#maxBytes = limits.maxBytes;
  }

  /**
   * Makes sure that those of the names that are paths exist, and gives them.
   *
   * @throws `PHOTO_NOT_FOUND`, also for a name of another kind.
   */
  async check(names: readonly string[]): Promise<PhotoPath[]> {
    return await checkPhotoPaths(names.filter((name) => this.#remoteOf(name) === undefined));
  }

  /**
   * Lists the photos under each name, in the order of the names: a folder's and a bucket's one by
   * one, however many there are.
   *
   * @throws `PHOTO_NOT_FOUND` for paths that do not exist, before anything is listed; and what the
   *   reader of a name throws.
   */
  async *list(
    names: readonly string[],
    options: FindPhotosOptions = {},
  ): AsyncGenerator<ListedPhoto> {
    const paths = await this.check(names);
    let local = 0;
    for (const name of names) {
      const reader = this.#remoteOf(name);
      if (reader !== undefined) {
        yield* reader.list(name, { signal: options.signal });
        continue;
      }
      for await (const photo of findPhotos([paths[local++]!], options)) {
        yield { name: photo.source, ...photo };
      }
    }
  }

  /** Reads one photo by a name that {@link list} gave, and hashes it. */
  async read(name: string, { signal }: ReadOptions = {}): Promise<PhotoBytes> {
    const reader = this.#remoteOf(name);
    if (reader !== undefined) return await reader.read(name, { signal });
    return await readPhoto(name, { maxBytes: this.#maxBytes, signal });
  }

  #remoteOf(name: string): RemotePhotoReader | undefined {
    const scheme = urlScheme(name);
    if (scheme === undefined) return undefined;
    const reader = this.#remote.get(scheme);
    if (reader !== undefined) return reader;
    const schemes = [...this.#remote.keys()].map((known) => `${known}://`);
    throw new OrangeryError(
      "PHOTO_NOT_FOUND",
      `Expected a path, or a name that begins with ${schemes.join(", ")}, got ${scheme}://…. ` +
        "Check how it is written.",
      { details: { scheme } },
    );
  }

  [Symbol.dispose](): void {
    for (const reader of new Set(this.#remote.values())) reader[Symbol.dispose]();
  }
}
