import { OrangeryError } from "../../errors.ts";
import { HttpPhotoReader } from "./http-photo-reader.ts";
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
} from "./remote-photo-reader.ts";
import { S3PhotoReader } from "./s3-photo-reader.ts";

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
    const checked = { ...defaults, ...limits };
    for (const [name, value] of Object.entries(checked)) {
      if (Number.isFinite(value) && value >= 1) continue;
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected \`${name}\` to be a number from 1 up, got \`${value}\`.`,
        { details: { [name]: value } },
      );
    }
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
   * @throws `PHOTO_NOT_FOUND`, and `INVALID_ARGUMENT` for a name of another kind.
   */
  async check(names: readonly string[]): Promise<PhotoPath[]> {
    return await checkPhotoPaths(names.filter((name) => this.#remoteOf(name) === undefined));
  }

  /**
   * Lists the photos under each name, in the order of the names: a folder's and a bucket's one by one,
   * however many there are.
   *
   * @throws `PHOTO_NOT_FOUND` for paths that do not exist, before anything is listed; and what the
   *   source throws.
   */
  async *list(
    names: readonly string[],
    options: FindPhotosOptions = {},
  ): AsyncGenerator<ListedPhoto> {
    const paths = await this.check(names);
    let local = 0;
    for (const name of names) {
      const source = this.#remoteOf(name);
      if (source !== undefined) {
        yield* source.list(name, { signal: options.signal });
        continue;
      }
      for await (const photo of findPhotos([paths[local++]!], options)) {
        yield { name: photo.source, ...photo };
      }
    }
  }

  /** Reads one photo by a name that {@link list} gave, and hashes it. */
  async read(name: string, { signal }: ReadOptions = {}): Promise<PhotoBytes> {
    const source = this.#remoteOf(name);
    if (source !== undefined) return await source.read(name, { signal });
    return await readPhoto(name, {
      signal,
      ...(this.#maxBytes !== undefined && { maxBytes: this.#maxBytes }),
    });
  }

  #remoteOf(name: string): RemotePhotoReader | undefined {
    const [, scheme] = /^([a-z][a-z0-9]+):\/\//i.exec(name) ?? [];
    if (scheme === undefined) return undefined;
    const source = this.#remote.get(scheme.toLowerCase());
    if (source !== undefined) return source;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a path, or a name that begins with ${[...this.#remote.keys()].join("://, ")}://, ` +
        `got ${scheme}://….`,
      { details: { scheme } },
    );
  }

  [Symbol.dispose](): void {
    for (const source of new Set(this.#remote.values())) source[Symbol.dispose]();
  }
}
