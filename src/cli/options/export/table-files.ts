import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import { fromCaller, photoFromCaller } from "../caller-paths.ts";

/** Reads a file of text that the caller names. @throws `INVALID_ARGUMENT` */
export async function readTextFile(name: string): Promise<string> {
  return await readFile(fromCaller(name), "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a file at ${name} that can be read, got ${cause.code}.`,
      { cause },
    );
  });
}

/** Says of photos that a table has no row for them, and what its names are below. */
export function explainNoRow(table: string, relativeTo: string | undefined): string {
  const place = relativeTo ?? "the current folder";
  return `${table} has no row for them or their folders; names in it are below ${place}`;
}

/**
 * Returns the recorded source of a photo or folder that a table names.
 *
 * @param relativeTo The place below which it names them. Default: the caller's folder.
 */
export function sourceFromTable(name: string, relativeTo: string | undefined): string {
  const isWhole = isAbsolute(name) || urlScheme(name) !== undefined;
  return photoFromCaller(relativeTo === undefined || isWhole ? name : below(relativeTo, name));
}

function below(place: string, name: string): string {
  return urlScheme(place) === undefined
    ? join(place, name)
    : `${place.replace(/\/+$/, "")}/${name}`;
}
