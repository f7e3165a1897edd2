import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { urlScheme } from "../../base/url.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { PhotoReader } from "../photos/photo-reader.ts";
import { OwnRegions } from "./own-regions.ts";

/** Regions that a recipe names. */
export interface WantedRegions {
  /** Where they were when the recipe was made. */
  readonly file: string;
  /** What they are, whatever file they are in now. */
  readonly sha256: string;
}

export interface FindRegionsOptions {
  /** Folders, and places in buckets such as `s3://bucket/models/`, in the order to look at. */
  readonly places?: readonly string[] | undefined;
  /** Fetches from buckets. */
  readonly reader: Pick<PhotoReader, "read">;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the regions of a recipe: in the file that it names, or in one of that name in a place.
 *
 * @throws `REGIONS_NOT_FOUND` where no such file has them, or the signal's reason
 */
export async function findRegions(
  { file, sha256 }: WantedRegions,
  { places = [], reader, signal }: FindRegionsOptions,
): Promise<OwnRegions> {
  const looked: string[] = [];
  for await (const candidate of candidates(file, places)) {
    signal?.throwIfAborted();
    const found = await read(candidate, reader, signal);
    if (found instanceof OwnRegions && found.sha256 === sha256) return found;
    looked.push(`${candidate} (${found instanceof OwnRegions ? "other regions" : found})`);
  }
  throw new OrangeryError(
    "REGIONS_NOT_FOUND",
    `Expected the regions ${sha256.slice(0, 12)}… in ${basename(file)}, but they are not there: ` +
      `${looked.join(", ")}. Put the file into a folder or bucket that --models names.`,
    { details: { file, sha256, looked } },
  );
}

async function* candidates(file: string, places: readonly string[]): AsyncGenerator<string> {
  yield file;
  for (const place of places) {
    if (urlScheme(place) !== undefined) yield `${place.replace(/\/$/, "")}/${basename(file)}`;
    const entries = urlScheme(place)
      ? []
      : await readdir(place, { recursive: true }).catch(() => []);
    for (const entry of entries) if (basename(entry) === basename(file)) yield join(place, entry);
  }
}

/** Returns the regions of a file, or why there are none. */
async function read(
  candidate: string,
  reader: FindRegionsOptions["reader"],
  signal: AbortSignal | undefined,
): Promise<OwnRegions | string> {
  try {
    if (urlScheme(candidate) === undefined) return await OwnRegions.read(candidate);
    const { bytes } = await reader.read(candidate, { signal });
    return OwnRegions.parse(Buffer.from(bytes).toString(), candidate);
  } catch (error) {
    const isNone = ["REGIONS_NOT_FOUND", "REGIONS_INVALID", "PHOTO_NOT_FOUND"] as const;
    if (isNone.some((code) => isOrangeryError(error, code))) return (error as OrangeryError).code;
    throw error;
  }
}
