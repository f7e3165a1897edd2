import { lstat } from "node:fs/promises";
import { isAbsolute } from "node:path";

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
