import type { Stats } from "node:fs";
import { readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";

/** Where a file is to be written that is made beside its place and renamed. */
export interface TargetFile {
  /** Where symbolic links lead to; renaming onto a link would replace the link. */
  readonly path: string;
  /** Of the file that is there; undefined where there is none. */
  readonly stats: Stats | undefined;
}

/** As many as Linux follows. */
const maxLinks = 40;

/**
 * Finds where `path` leads, and refuses what is there if it is no regular file: a rename would put
 * a file in the place of a device, a pipe or a socket.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function findTarget(path: string): Promise<TargetFile> {
  const place = await followLinks(path);
  const stats = await stat(place).catch(() => undefined);
  if (stats === undefined || stats.isFile()) return { path: place, stats };
  throw noFile(path, stats.isDirectory() ? "a folder" : "a device, pipe or socket");
}

/** Links that lead nowhere are followed, too: a file is then made where they lead. */
async function followLinks(path: string): Promise<string> {
  let place = path;
  for (let links = 0; links < maxLinks; links += 1) {
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
