import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";
import type { PhotoFile } from "../../ledger/worklist/add-photos.ts";
import { hasPictureExtension } from "../../vision/photo/decode-picture.ts";

export interface FindPhotosOptions {
  /** Folders to leave out wherever they are met: where the annotated pictures go. */
  readonly skipFolders?: readonly string[] | undefined;
  /**
   * Told of a folder or file below a path that cannot be looked at; the walk goes on without it.
   */
  readonly onUnreadable?: ((path: string, error: unknown) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A path that was asked for and exists. */
export interface PhotoPath {
  /** Absolute. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/** So many files are looked at together: a network disk answers each after a while. */
const statsAtOnce = 64;

/**
 * Makes sure that all paths exist before any work is done.
 *
 * @throws `PHOTO_NOT_FOUND` naming every path that does not exist or is neither file nor folder.
 */
export async function checkPhotoPaths(paths: readonly string[]): Promise<PhotoPath[]> {
  const found: PhotoPath[] = [];
  const missing: string[] = [];
  for (const path of paths.map((path) => resolve(path))) {
    try {
      const stats = await stat(path, { bigint: true });
      if (stats.isFile() || stats.isDirectory()) found.push({ path, stats });
      else missing.push(`${path} (neither a file nor a folder)`);
    } catch (error) {
      missing.push(`${path} (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  if (missing.length === 0) return found;
  throw new OrangeryError(
    "PHOTO_NOT_FOUND",
    `Expected photos or folders of photos, but cannot find ${missing.join(", ")}. Check the ` +
      `${missing.length === 1 ? "path" : "paths"} and the rights; nothing was started.`,
    { details: { missing } },
  );
}

/**
 * Lists the photos of the paths: a file whatever its name, a folder's files by extension with all
 * folders below it. In the order of the paths, and in a folder in the order of the names. Hidden
 * files and folders are left out. Symbolic links are followed; a folder is listed once however
 * often it is met, so that links in a circle end.
 */
export async function* findPhotos(
  paths: readonly PhotoPath[],
  { skipFolders = [], onUnreadable = () => {}, signal }: FindPhotosOptions = {},
): AsyncGenerator<PhotoFile> {
  const seenFolders = new Set<string>();
  for (const folder of skipFolders) {
    const stats = await statOrUndefined(folder);
    if (stats !== undefined) seenFolders.add(identity(stats));
  }
  for (const { path, stats } of paths) {
    if (stats.isFile()) yield toPhotoFile(path, stats);
    else yield* walk(path, stats);
  }

  async function* walk(folder: string, stats: BigIntStats): AsyncGenerator<PhotoFile> {
    signal?.throwIfAborted();
    if (seenFolders.has(identity(stats))) return;
    seenFolders.add(identity(stats));
    const names = await listCandidates(folder, onUnreadable);
    for (let from = 0; from < names.length; from += statsAtOnce) {
      const entries = await Promise.all(
        names.slice(from, from + statsAtOnce).map(async (name) => {
          const path = join(folder, name);
          return { path, stats: await statOrUndefined(path, onUnreadable) };
        }),
      );
      signal?.throwIfAborted();
      for (const { path, stats } of entries) {
        if (stats?.isDirectory()) yield* walk(path, stats);
        else if (stats?.isFile() && hasPictureExtension(path)) yield toPhotoFile(path, stats);
      }
    }
  }
}

/** Names in a folder that may be a photo or lead to some, in code-unit order. */
async function listCandidates(
  folder: string,
  onUnreadable: (folder: string, error: unknown) => void,
): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isFile() || hasPictureExtension(entry.name))
      .map(({ name }) => name)
      .filter((name) => !name.startsWith("."))
      .sort();
  } catch (error) {
    onUnreadable(folder, error);
    return [];
  }
}

/**
 * Undefined for what vanished meanwhile, for links that lead nowhere, and for what `onUnreadable`
 * is told of.
 */
async function statOrUndefined(
  path: string,
  onUnreadable: (path: string, error: unknown) => void = () => {},
): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const isGone = ["ENOENT", "ELOOP"].includes((error as NodeJS.ErrnoException).code!);
    // Node puts this in the place of bytes that are no UTF-8, and finds no such file.
    if (path.includes("\uFFFD")) onUnreadable(path, new Error("its name is not UTF-8"));
    else if (!isGone) onUnreadable(path, error);
    return undefined;
  }
}

function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function toPhotoFile(source: string, { size, mtimeNs }: BigIntStats): PhotoFile {
  return { source, sizeBytes: Number(size), mtimeUs: Number(mtimeNs / 1000n) };
}
