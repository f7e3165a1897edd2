import { lstat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { isOrangeryError } from "../../errors.ts";

/** System errors of a name that is not there, unlike those of a disk that cannot be read. */
const goneCodes = new Set(["ENOENT", "ENOTDIR"]);

/** Returns those of the sources that are files and gone. URLs are not looked at. */
export async function goneFiles(sources: readonly string[]): Promise<string[]> {
  const gone: string[] = [];
  for (const source of sources) {
    if (isAbsolute(source) && (await isGone(source))) gone.push(source);
  }
  return gone;
}

async function isGone(path: string): Promise<boolean> {
  try {
    // A link that leads nowhere is still there: its photo may be on a disk that is not.
    await lstat(path);
    return false;
  } catch (error) {
    return goneCodes.has((error as NodeJS.ErrnoException).code ?? "");
  }
}

/** S3's names for an object that is not there. */
const goneObjects: readonly unknown[] = ["NoSuchKey", "NotFound"];

/** Whether reading a photo failed since it, or the place that it is in, could not be reached. */
export function isUnreachable(error: unknown): boolean {
  return isOrangeryError(error, "PHOTO_NOT_FOUND") || isOrangeryError(error, "PHOTO_FETCH_FAILED");
}

/** Whether a photo that could not be reached, for this error, is not there any more. */
export async function isRemoved(source: string, error: unknown): Promise<boolean> {
  if (isAbsolute(source)) return await isGone(source);
  return isOrangeryError(error) && goneObjects.includes(error.details.reason);
}
