import { hash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { cacheFolder } from "../../base/files/cache-folder.ts";
import { writeWhole } from "../../base/files/whole-file.ts";
import { urlScheme } from "../../base/url.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { identifyModelFile } from "../../models/files/model-file.ts";
import type { PhotoReader } from "../photos/photo-reader.ts";

/** A model that a recipe names. */
export interface WantedModel {
  /** Where it was when the recipe was made. */
  readonly file: string;
  /** What it is: its contents, wherever they lie now. */
  readonly sha256: string;
}

export interface ModelFinderOptions {
  /** Folders, and places in buckets such as `s3://bucket/models/`, in the order to look at. */
  readonly places?: readonly string[] | undefined;
  /** Fetches from buckets. */
  readonly reader: Pick<PhotoReader, "read">;
}

const extensions = [".pt", ".onnx"];

/**
 * Finds models by their contents: at the recipe's path, in a folder, in a bucket. A file's name
 * decides only where to look first.
 */
export class ModelFinder {
  readonly #places: readonly string[];
  readonly #reader: ModelFinderOptions["reader"];

  constructor({ places = [], reader }: ModelFinderOptions) {
    this.#places = places;
    this.#reader = reader;
  }

  /**
   * Returns the path of a file with the wanted contents.
   *
   * @throws `MODEL_NOT_FOUND`, or the signal's reason
   */
  async find({ file, sha256 }: WantedModel, signal?: AbortSignal): Promise<string> {
    const looked: string[] = [];
    const fetched = fetchedFile(file, sha256);
    for (const path of [file, fetched]) {
      if (urlScheme(path) !== undefined && !path.startsWith("sample:")) continue;
      const found = await hashOf(path);
      if (found === sha256) return path;
      if (path === file) looked.push(`${file} (${found ? "other contents" : "no file"})`);
    }
    for (const place of this.#places) {
      signal?.throwIfAborted();
      const found =
        urlScheme(place) === "s3"
          ? await this.#fetch(place, { file, sha256 }, signal)
          : await findIn(place, { file, sha256 });
      if (found !== undefined) return found;
      looked.push(await describePlace(place));
    }
    throw new OrangeryError(
      "MODEL_NOT_FOUND",
      `Expected the model ${basename(file)} with the contents ${sha256.slice(0, 12)}…, but it is ` +
        `not there: ${looked.join(", ")}. Put it into a folder or bucket that --models names.`,
      { details: { file, sha256, looked } },
    );
  }

  /** Fetches a file of the recipe's name, or one that is called by its contents. */
  async #fetch(
    place: string,
    { file, sha256 }: WantedModel,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const prefix = place.endsWith("/") ? place : `${place}/`;
    const names = [basename(file), ...extensions.map((extension) => sha256 + extension)];
    for (const name of names) {
      const bytes = await this.#read(`${prefix}${name}`, signal);
      if (bytes === undefined || hash("sha256", bytes) !== sha256) continue;
      const path = fetchedFile(name, sha256);
      await writeWhole(path, bytes);
      return path;
    }
    return undefined;
  }

  async #read(name: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    try {
      const { bytes } = await this.#reader.read(name, { signal });
      return bytes;
    } catch (error) {
      if (isOrangeryError(error, "PHOTO_NOT_FOUND")) return undefined;
      throw error;
    }
  }
}

async function findIn(folder: string, { file, sha256 }: WantedModel): Promise<string | undefined> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const models = entries.filter((name) => extensions.includes(extname(name).toLowerCase()));
  const isNamesake = (name: string) => basename(name) === basename(file);
  const ordered = [...models.filter(isNamesake), ...models.filter((name) => !isNamesake(name))];
  for (const name of ordered) {
    const path = join(folder, name);
    if ((await hashOf(path)) === sha256) return path;
  }
  return undefined;
}

async function describePlace(place: string): Promise<string> {
  if (urlScheme(place) !== undefined) return place;
  const reason = await readdir(place).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
  return reason === undefined ? place : `${place} (no folder that can be read: ${reason})`;
}

/** Returns undefined where there is no such file. */
async function hashOf(path: string): Promise<string | undefined> {
  try {
    return (await identifyModelFile(path)).sha256;
  } catch (error) {
    if (isOrangeryError(error, "MODEL_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** Where a model from a bucket is kept. */
function fetchedFile(file: string, sha256: string): string {
  return join(cacheFolder() ?? tmpdir(), "models", `${sha256}${extname(file)}`);
}
