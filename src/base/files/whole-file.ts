import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** A unique name beside `path`, for a file that is renamed to `path` when complete. */
export function partOf(path: string): string {
  return `${path}.${process.pid}.${Math.random().toString(36).slice(2)}${partSuffix}`;
}

/** How names of unfinished files end. */
export const partSuffix = ".part";

/**
 * Makes a folder and its parents. Node's own recursive `mkdir` (24.21) never ends if an existing
 * folder answers ENOENT to new entries, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  const code = await makeOne(path);
  if (code !== "ENOENT") return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  if ((await makeOne(path)) === "ENOENT") throw notMade(path);
}

/** Makes one folder, which may exist; returns `ENOENT` if its parent is missing. */
async function makeOne(path: string): Promise<"ENOENT" | undefined> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return code;
    if (code !== "EEXIST") throw error;
    if (!(await stat(path)).isDirectory()) throw noFolder(path);
  }
  return undefined;
}

function noFolder(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} is a file`), { code: "ENOTDIR" });
}

function notMade(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} cannot be made (ENOENT)`), { code: "ENOENT" });
}

/** Writes a file so that a reader sees all of it or none. Makes a missing folder. */
export async function writeWhole(path: string, contents: Uint8Array | string): Promise<void> {
  await makeFolder(dirname(path));
  const part = partOf(path);
  try {
    await writeFile(part, contents);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}
