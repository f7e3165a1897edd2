import { resolve } from "node:path";
import { checkOptions, wholeNumberFrom } from "../../base/check-options.ts";
import { urlScheme } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import type { PhotoFile } from "../../ledger/worklist/add-photos.ts";
import { photoFailureOf } from "./photo-failure.ts";
import { type FindPhotosOptions, findPhotos } from "./photo-files.ts";
import { checkPhotoPaths, type PhotoPath } from "./photo-paths.ts";
import { type PhotoBytes, readPhoto } from "./read-photo.ts";
import { HttpPhotoReader } from "./remote/http-photo-reader.ts";
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
  /**
   * Remember the names of listed photos that differ from their sources, as signed URLs do, so that
   * {@link PhotoReader.read} takes the sources, too. Default false.
   */
  readonly remembersNames?: boolean | undefined;
}

export interface ListPhotosOptions extends FindPhotosOptions {
  /** Called for each name of a folder that has no photos. */
  readonly onEmpty?: ((name: string) => void) | undefined;
}

/** Names that are looked up together: a network disk and a bucket answer each after a while. */
const namesAtOnce = 64;

/** Default limits of what is fetched over a network. */
const defaults: FetchLimits = { maxBytes: 512 * 2 ** 20, timeoutMs: 60_000, attempts: 3 };

/**
 * Photos wherever they lie: files and folders by path, `http:` and `https:` URLs, `s3:` buckets.
 */
export class PhotoReader implements Disposable {
  readonly #remote: ReadonlyMap<string, RemotePhotoReader>;
  readonly #maxBytes: number | undefined;
  /** By sources. */
  readonly #names: Map<string, string> | undefined;

  /** @throws `INVALID_ARGUMENT` for a limit below 1. */
  constructor({
    allowPrivateAddresses = false,
    remembersNames = false,
    ...limits
  }: PhotoReaderOptions = {}) {
    checkOptions({ ...limits }, wholeNumberFrom(1));
    const checked = { ...defaults, ...limits };
    const http = new HttpPhotoReader({ ...checked, allowPrivateAddresses });
    this.#remote = new Map<string, RemotePhotoReader>([
      ["http", http],
      ["https", http],
      ["s3", new S3PhotoReader(checked)],
    ]);
    this.#maxBytes = limits.maxBytes;
    this.#names = remembersNames ? new Map() : undefined;
  }

  /**
   * Makes sure that those of the names exist that are paths, and returns these.
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
    { onEmpty, ...options }: ListPhotosOptions = {},
  ): AsyncGenerator<ListedPhoto> {
    const paths = (await this.check(names)).values();
    for (const name of names) {
      const reader = this.#remoteOf(name);
      const path = reader === undefined ? paths.next().value : undefined;
      const isFolder = path?.stats.isDirectory() ?? reader?.isFolder(name);
      const photos = reader?.list(name, options) ?? listFiles(findPhotos([path!], options));
      let isEmpty = true;
      for await (const photo of photos) {
        isEmpty = false;
        yield this.#remember(photo);
      }
      if (isEmpty && isFolder) onEmpty?.(name);
    }
  }

  /**
   * Lists photos whose names come one by one, such as the lines of a file, in their order. A folder
   * stands for its photos. A name that is wrong or leads nowhere is listed like the others: it
   * fails by itself when it is read.
   */
  async *listEach(
    names: AsyncIterable<string> | Iterable<string>,
    options: FindPhotosOptions = {},
  ): AsyncGenerator<ListedPhoto> {
    let some: string[] = [];
    for await (const name of names) {
      if (some.push(name) < namesAtOnce) continue;
      yield* this.#listSome(some, options);
      some = [];
    }
    yield* this.#listSome(some, options);
  }

  /**
   * Reads one photo by its name, or by its source where names are remembered, and hashes it.
   *
   * @throws `PHOTO_*`, or the signal's reason
   */
  async read(name: string, { signal }: ReadOptions = {}): Promise<PhotoBytes> {
    const known = this.#names?.get(name) ?? name;
    const reader = this.#remoteOf(known);
    if (reader !== undefined) return await reader.read(known, { signal });
    return await readPhoto(known, { maxBytes: this.#maxBytes, signal });
  }

  async *#listSome(
    names: readonly string[],
    options: FindPhotosOptions,
  ): AsyncGenerator<ListedPhoto> {
    const listed = await Promise.all(names.map((name) => this.#lookAt(name, options)));
    options.signal?.throwIfAborted();
    for (const photos of listed) for await (const photo of photos) yield this.#remember(photo);
  }

  /** The photo of that name, or those of the folder. */
  async #lookAt(
    name: string,
    options: FindPhotosOptions,
  ): Promise<AsyncIterable<ListedPhoto> | Iterable<ListedPhoto>> {
    try {
      const reader = this.#remoteOf(name);
      if (reader === undefined) {
        return listFiles(findPhotos(await checkPhotoPaths([name]), options));
      }
      if (reader.isFolder(name)) return reader.list(name, options);
      const photos: ListedPhoto[] = [];
      for await (const photo of reader.list(name, options)) photos.push(photo);
      return photos;
    } catch (error) {
      if (!photoFailureOf(error)?.isCertain) throw error;
      const source = urlScheme(name) === undefined ? resolve(name) : withoutCredentials(name);
      return [{ name, source, sizeBytes: 0, mtimeUs: 0 }];
    }
  }

  #remember(photo: ListedPhoto): ListedPhoto {
    if (photo.name !== photo.source) this.#names?.set(photo.source, photo.name);
    return photo;
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

/** Lists files, whose names are their sources. */
export async function* listFiles(files: AsyncIterable<PhotoFile>): AsyncGenerator<ListedPhoto> {
  for await (const file of files) yield { name: file.source, ...file };
}

/** A name that is no URL, though it looks like one, as it may be printed and recorded. */
function withoutCredentials(name: string): string {
  return name.replace(/:\/\/[^/@]*@/, "://");
}
