import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { OrangeryError } from "../../errors.ts";
import { guardWriting } from "./disk-full.ts";
import { makeFolder, partOf } from "./whole-file.ts";

/**
 * Writes a folder that appears whole or not at all: it is filled beside its place and moved there.
 *
 * @param folder Absolute path of a folder that does not exist or is empty.
 * @throws `INVALID_ARGUMENT` if it is not empty; `NO_SPACE`
 */
export async function writeWholeFolder(
  folder: string,
  write: (part: string) => Promise<void>,
): Promise<void> {
  await refuseToMix(folder);
  const part = partOf(folder);
  try {
    await guardWriting(folder, async () => {
      await makeFolder(part);
      await write(part);
      // Windows does not rename onto an empty folder. Files that appeared in it meanwhile stay.
      await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
      await rename(part, folder);
    });
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function refuseToMix(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (entries.length === 0) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a new or empty folder, but ${folder} has ${entries[0]} in it. ` +
      "Name another folder or empty it.",
    { details: { folder } },
  );
}
