import { readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { cacheFolder } from "../../base/files/cache-folder.ts";
import { partOf } from "../../base/files/whole-file.ts";

/** What `orangery devices add cuda` has put into the cache folder. */
export interface AddedCuda {
  readonly folder: string;
  /** The ONNX Runtime that it was added for, such as `1.30.0`. */
  readonly runtimeVersion: string;
  /** The size of that library's file, by which it is known again without being opened. */
  readonly runtimeBytes: number;
  /** The libraries that the provider needs, by file name, in the order of loading. */
  readonly libraries: readonly string[];
}

/** The file that is written last: a folder without it is not complete. */
export const addedCudaFile = "added.json";

/** The environment variable that names another folder for providers than the cache's. */
export const providersVariable = "ORANGERY_PROVIDERS";

/** Returns the folder of CUDA's provider; undefined where there is no cache folder. */
export function addedCudaFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = env[providersVariable];
  if (given) return resolve(given, "cuda");
  const folder = cacheFolder(env);
  return folder && join(folder, "providers", "cuda");
}

/** Reads what was added; undefined where nothing was, or nothing that can be read. */
export function readAddedCuda(env: NodeJS.ProcessEnv = process.env): AddedCuda | undefined {
  const folder = addedCudaFolder(env);
  if (folder === undefined) return undefined;
  try {
    const read = JSON.parse(readFileSync(join(folder, addedCudaFile), "utf8"));
    const { runtimeVersion, runtimeBytes, libraries } = read;
    return { folder, runtimeVersion, runtimeBytes, libraries };
  } catch {
    return undefined;
  }
}

/**
 * Returns the name by which to open a runtime so that it finds the provider that was added for it:
 * ONNX Runtime looks for CUDA's provider beside the name it was opened by, links not followed. So
 * there is a link to it in the provider's folder. Where nothing was added for this runtime, it is
 * the file itself.
 */
export function besideAddedCuda(runtime: string, env: NodeJS.ProcessEnv = process.env): string {
  const added = readAddedCuda(env);
  if (added === undefined || statSync(runtime).size !== added.runtimeBytes) return runtime;
  const link = join(added.folder, "libonnxruntime.so.1");
  return linksTo(link, runtime) || makeLink(link, runtime) ? link : runtime;
}

/** Whether a library was opened by the link beside the provider that was added. */
export function isBesideAddedCuda(file: string, { folder }: AddedCuda): boolean {
  return dirname(file) === folder;
}

function linksTo(link: string, target: string): boolean {
  try {
    return readlinkSync(link) === target;
  } catch {
    return false;
  }
}

/** Makes the link, or moves it to a package that was installed anew; false where it cannot. */
function makeLink(link: string, target: string): boolean {
  const part = partOf(link);
  try {
    symlinkSync(target, part);
    renameSync(part, link);
    return true;
  } catch {
    rmSync(part, { force: true });
    // The cache folder is not this user's, perhaps: CUDA is missing then, and is reported so.
    return false;
  }
}
