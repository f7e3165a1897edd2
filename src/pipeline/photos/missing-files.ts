import { lstat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { isOrangeryError } from "../../errors.ts";

/** System errors for a missing name, unlike those for an unreadable disk. */
const missingCodes = new Set(["ENOENT", "ENOTDIR"]);

/** Returns the sources that are missing files. URLs are not checked. */
export async function missingFiles(sources: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const source of sources) {
    if (isAbsolute(source) && (await isMissing(source))) missing.push(source);
  }
  return missing;
}

async function isMissing(path: string): Promise<boolean> {
  try {
    // A broken link still exists: its photo may be on an unmounted disk.
    await lstat(path);
    return false;
  } catch (error) {
    return missingCodes.has((error as NodeJS.ErrnoException).code ?? "");
  }
}

/** S3's names for an object that is not there. */
const missingObjects: readonly unknown[] = ["NoSuchKey", "NotFound"];

/** Whether reading a photo failed since it, or the place that it is in, could not be reached. */
export function isUnreachable(error: unknown): boolean {
  return isOrangeryError(error, "PHOTO_NOT_FOUND") || isOrangeryError(error, "PHOTO_FETCH_FAILED");
}

/** Whether this error means that an unreachable photo no longer exists. */
export async function isRemoved(source: string, error: unknown): Promise<boolean> {
  if (isAbsolute(source)) return await isMissing(source);
  return isOrangeryError(error) && missingObjects.includes(error.details.reason);
}
