import type { Stats } from "node:fs";
import { readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";

/** Where to write a file that is made beside its place and then renamed. */
export interface TargetFile {
  /** The path with symbolic links resolved; renaming onto a link would replace the link. */
  readonly path: string;
  /** The existing file's; undefined if there is none. */
  readonly stats: Stats | undefined;
}

/** Linux's limit. */
const maxLinks = 40;

/**
 * Resolves `path`, and refuses an existing target that is not a regular file: a rename would
 * replace a device, a pipe or a socket by a file.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function findTarget(path: string): Promise<TargetFile> {
  const place = await followLinks(path);
  const stats = await stat(place).catch(() => undefined);
  if (stats === undefined || stats.isFile()) return { path: place, stats };
  throw noFile(path, stats.isDirectory() ? "a folder" : "a device, pipe or socket");
}

/** Broken links are followed, too: the file is made where they point. */
async function followLinks(path: string): Promise<string> {
  let place = path;
  for (let links = 0; links < maxLinks; links++) {
    const real = await realpath(place).catch(() => undefined);
    if (real !== undefined) return real;
    const target = await readlink(place).catch(() => undefined);
    if (target === undefined) return place;
    place = resolve(await realpath(dirname(place)), target);
  }
  throw noFile(path, "links in a circle");
}

function noFile(path: string, came: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a file to write, but \`${path}\` is ${came}. Name another file.`,
    { details: { path } },
  );
}
