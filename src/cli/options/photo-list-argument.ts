import { open, stat } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { OrangeryError } from "../../errors.ts";
import { readPhotoList } from "../../pipeline/photos/read-photo-list.ts";
import { fromCaller, photoFromCaller } from "./caller-paths.ts";

/**
 * Reads the photos of a list that the command line names; undefined where it names none.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function openPhotoList(
  name: string | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<string> | undefined> {
  if (name === undefined) return undefined;
  if (name === "-") return absolute(readPhotoList(addAbortSignal(signal, process.stdin)));
  const path = fromCaller(name);
  try {
    // Opening a folder succeeds; reading it would fail later.
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder) throw Object.assign(new Error("It is a folder."), { code: "EISDIR" });
    const file = await open(path);
    return absolute(readPhotoList(file.createReadStream({ signal })));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a list of photos at ${path} that can be read, got ${code}. Check the path.`,
      { cause, details: { path } },
    );
  }
}

async function* absolute(names: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const name of names) yield photoFromCaller(name);
}
