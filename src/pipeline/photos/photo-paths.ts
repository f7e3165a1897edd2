import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";

/** A path that was asked for and exists. */
export interface PhotoPath {
  /** Absolute. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/** Identifies a file or folder, whatever path leads to it. */
export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

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
