import type { BigIntStats } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { dirname, sep } from "node:path";
import { urlScheme } from "../../../base/url.ts";
import { identityOf } from "../photo-paths.ts";
import type { PhotoReader } from "../photo-reader.ts";

interface Seen {
  readonly identity: string;
  readonly isMountPoint: boolean;
}

/**
 * A folder, file or bucket that is watched, which may be away for a while, such as a network folder
 * that is not mounted.
 */
export class WatchedPlace {
  /** Absolute path or `s3://…`. */
  readonly name: string;
  readonly isRemote: boolean;
  /** Whether it was away when {@link isAway} was last set. */
  isAway = false;
  readonly #photos: PhotoReader;
  #seen: Seen | undefined;

  constructor(name: string, photos: PhotoReader) {
    this.name = name;
    this.isRemote = urlScheme(name) !== undefined;
    this.#photos = photos;
  }

  /** Whether a photo is this or lies in it. */
  holds(source: string): boolean {
    const separator = this.isRemote ? "/" : sep;
    const folder = this.name.endsWith(separator) ? this.name : this.name + separator;
    return source === this.name || source.startsWith(folder);
  }

  /** Returns why the place cannot be looked at now; undefined where it can. */
  async absence(signal?: AbortSignal): Promise<unknown> {
    try {
      if (!this.isRemote) return await this.#lookAtFolder();
      for await (const _ of this.#photos.list([this.name], { signal })) break;
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      return error;
    }
  }

  /** An unmounted share leaves a different folder behind, usually an empty one. */
  async #lookAtFolder(): Promise<unknown> {
    const stats = await stat(this.name, { bigint: true });
    if (!stats.isDirectory()) return undefined;
    const isEmpty = await isEmptyFolder(this.name);
    const now = { identity: identityOf(stats), isMountPoint: await isMountPoint(this.name, stats) };
    const isOther = this.#seen !== undefined && this.#seen.identity !== now.identity;
    const isUnmounted = this.#seen?.isMountPoint === true && !now.isMountPoint;
    if (isOther && (isUnmounted || isEmpty)) {
      return new Error(
        isUnmounted ? "it is not mounted" : "another folder, empty, is in its place",
      );
    }
    this.#seen = now;
    return undefined;
  }
}

async function isEmptyFolder(folder: string): Promise<boolean> {
  await using directory = await opendir(folder);
  return (await directory.read()) === null;
}

async function isMountPoint(folder: string, { dev }: BigIntStats): Promise<boolean> {
  return (await stat(dirname(folder), { bigint: true })).dev !== dev;
}
