import type { BigIntStats, Dirent } from "node:fs";
import { lstat, opendir, readdir, readlink, stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import type { PhotoFile } from "../../ledger/worklist/add-photos.ts";
import type { LeftOut } from "./left-out.ts";
import { PhotoFilter } from "./photo-filter.ts";
import { identityOf, type PhotoPath } from "./photo-paths.ts";

/** How folders are searched for photos. */
export interface FindPhotosOptions {
  /**
   * Which files are photos. Default: pictures that are not hidden, outside of thumbnail folders.
   */
  readonly filter?: PhotoFilter | undefined;
  /** Counts what is left out. */
  readonly leftOut?: LeftOut | undefined;
  /** Folders to pass over without counting them: where the annotated pictures go. */
  readonly skipFolders?: readonly string[] | undefined;
  /** Files to pass over like that, with those whose names begin as theirs: the results file. */
  readonly skipFiles?: readonly string[] | undefined;
  /**
   * Called for each folder or file below a path that cannot be looked at; the walk goes on without
   * it.
   */
  readonly onUnreadable?: ((path: string, error: unknown) => void) | undefined;
  /**
   * Lists files in disk order, so that a very large folder takes no memory for its names. Default
   * false.
   */
  readonly inAnyOrder?: boolean | undefined;
  /** Files to pass over by path, so that the disk is not asked for their size and time. */
  readonly isKnown?: ((path: string) => boolean) | undefined;
  /** Called for each folder before it is listed. */
  readonly onFolder?: ((folder: FoundFolder) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A folder that is searched for photos. */
export interface FoundFolder {
  readonly folder: string;
  /** Its path below the folder that was named, with slashes; empty for that one. */
  readonly below: string;
  readonly stats: BigIntStats;
}

/** Files whose size and time are read together: a network disk answers each after a while. */
const statsAtOnce = 64;

/**
 * Lists the photos of the paths: a file whatever its name, a folder's files by extension with all
 * folders below it. In the order of the paths, and in a folder in the order of the names. Symbolic
 * links are followed; a folder is listed once however often it is met, so that links in a circle
 * end. A link that leads nowhere and ends like a photo is listed: it fails when it is read.
 */
export async function* findPhotos(
  paths: readonly PhotoPath[],
  options: FindPhotosOptions = {},
): AsyncGenerator<PhotoFile> {
  const walk = await PhotoWalk.start(options);
  for (const { path, stats } of paths) {
    if (stats.isDirectory()) yield* walk.list({ folder: path, below: "", stats });
    else if (walk.filter.takesNamed(path)) yield toPhotoFile(path, stats);
    else options.leftOut?.addFile(path);
  }
}

/** Lists the photos at or below some paths in a folder, judged as they are when it is listed. */
export async function* findPhotosIn(
  folder: string,
  belows: readonly string[],
  options: FindPhotosOptions = {},
): AsyncGenerator<PhotoFile> {
  const walk = await PhotoWalk.start(options);
  const entries = belows.map((below) => ({ path: join(folder, below), below }));
  yield* walk.listEntries(entries.filter(({ path }) => !walk.skipsFile(path)));
}

interface Entry {
  readonly path: string;
  readonly below: string;
  /** Undefined where only the name is known. */
  readonly dirent?: Dirent;
}

class PhotoWalk {
  readonly filter: PhotoFilter;
  readonly #options: FindPhotosOptions;
  readonly #skipFiles: readonly string[];
  readonly #seenFolders = new Set<string>();

  private constructor(options: FindPhotosOptions) {
    this.filter = options.filter ?? new PhotoFilter();
    this.#options = options;
    this.#skipFiles = (options.skipFiles ?? []).map((file) => resolve(file));
  }

  static async start(options: FindPhotosOptions): Promise<PhotoWalk> {
    const walk = new PhotoWalk(options);
    for (const folder of options.skipFolders ?? []) {
      const stats = await stat(folder, { bigint: true }).catch(() => undefined);
      if (stats !== undefined) walk.#seenFolders.add(identityOf(stats));
    }
    return walk;
  }

  skipsFile(path: string): boolean {
    return this.#skipFiles.some((file) => path.startsWith(file));
  }

  async *list(found: FoundFolder): AsyncGenerator<PhotoFile> {
    const { folder, below, stats } = found;
    this.#options.signal?.throwIfAborted();
    if (this.#seenFolders.has(identityOf(stats))) return;
    this.#seenFolders.add(identityOf(stats));
    this.#options.onFolder?.(found);
    let some: Entry[] = [];
    try {
      for await (const dirent of this.#dirents(folder)) {
        const path = join(folder, dirent.name);
        const entry = {
          path,
          below: below === "" ? dirent.name : `${below}/${dirent.name}`,
          dirent,
        };
        if (this.#isCandidate(entry) && some.push(entry) === statsAtOnce) {
          yield* this.listEntries(some);
          some = [];
        }
      }
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#options.onUnreadable?.(folder, error);
    }
    yield* this.listEntries(some);
  }

  async *listEntries(entries: readonly Entry[]): AsyncGenerator<PhotoFile> {
    const looked = await Promise.all(entries.map((entry) => this.#look(entry)));
    this.#options.signal?.throwIfAborted();
    for (const [index, stats] of looked.entries()) {
      const { path, below } = entries[index]!;
      if (stats === undefined) continue;
      if (!stats.isDirectory()) yield* this.#file(path, below, stats);
      else if (this.filter.takesFolder(below)) yield* this.list({ folder: path, below, stats });
      else this.#options.leftOut?.addFolder(below);
    }
  }

  /** What a folder holds, in code-unit order of the names unless any order will do. */
  async *#dirents(folder: string): AsyncGenerator<Dirent> {
    if (this.#options.inAnyOrder) return yield* await opendir(folder, { bufferSize: 1024 });
    const dirents = await readdir(folder, { withFileTypes: true });
    yield* dirents.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Leaves out files that their names already exclude, so that the disk is not asked about them.
   */
  #isCandidate({ path, below, dirent }: Required<Entry>): boolean {
    if (this.skipsFile(path)) return false;
    if (!dirent.isFile()) return true;
    if (this.#options.isKnown?.(path)) return false;
    if (this.filter.judgeFile(below) === "photo") return true;
    this.#options.leftOut?.addFile(below);
    return false;
  }

  *#file(path: string, below: string, stats: BigIntStats): Generator<PhotoFile> {
    const isFile = stats.isFile() || stats.isSymbolicLink();
    if (isFile && this.filter.judgeFile(below) === "photo") yield toPhotoFile(path, stats);
    else this.#options.leftOut?.addFile(below);
  }

  /** Undefined for what vanished meanwhile, and for what `onUnreadable` was called for. */
  async #look({ path, below, dirent }: Entry): Promise<BigIntStats | undefined> {
    try {
      return await stat(path, { bigint: true });
    } catch (error) {
      // Node replaces invalid UTF-8 by this character, and then finds no such file.
      const isNotUtf8 = path.includes("\uFFFD");
      const isGone = ["ENOENT", "ELOOP"].includes((error as NodeJS.ErrnoException).code!);
      if (isGone && dirent?.isSymbolicLink()) return await this.#lookAtLink(path, below);
      if (isNotUtf8) this.#options.onUnreadable?.(path, new Error("its name is not UTF-8"));
      else if (!isGone) this.#options.onUnreadable?.(path, error);
      return undefined;
    }
  }

  /** A link that leads nowhere is a file where its name says so; otherwise it may be a folder. */
  async #lookAtLink(path: string, below: string): Promise<BigIntStats | undefined> {
    try {
      const isFile = /^\.[a-z]\w{0,4}$/i.test(extname(path));
      if (isFile || this.filter.judgeFile(below) !== "other") {
        return await lstat(path, { bigint: true });
      }
      const target = await readlink(path);
      this.#options.onUnreadable?.(
        path,
        new Error(`it is a link to ${target}, which is not there`),
      );
    } catch (error) {
      this.#options.onUnreadable?.(path, error);
    }
    return undefined;
  }
}

function toPhotoFile(source: string, { size, mtimeNs }: BigIntStats): PhotoFile {
  return { source, sizeBytes: Number(size), mtimeUs: Number(mtimeNs / 1000n) };
}
