import { readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { cacheFolder } from "../../base/files/cache-folder.ts";
import { partOf } from "../../base/files/whole-file.ts";

/** The providers that `orangery devices add` can put into the cache folder. */
export const addableProviders = ["cuda", "openvino"] as const;
export type AddableProvider = (typeof addableProviders)[number];

/** What `orangery devices add` has put into the cache folder. */
export interface AddedProvider {
  readonly folder: string;
  /** The ONNX Runtime that it was added for, such as `1.30.0`. */
  readonly runtimeVersion: string;
  /** The size of that library's file, by which it is known again without being opened. */
  readonly runtimeBytes: number;
  /** The libraries that are opened before the provider, by file name, in the order of loading. */
  readonly libraries: readonly string[];
}

/** The file that is written last: a folder without it is not complete. */
export const addedFile = "added.json";

/** The environment variable that names another folder for providers than the cache's. */
export const providersVariable = "ORANGERY_PROVIDERS";

/** Returns the folder of a provider; undefined where there is no cache folder. */
export function addedFolder(
  provider: AddableProvider,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const given = env[providersVariable];
  if (given) return resolve(given, provider);
  const folder = cacheFolder(env);
  return folder && join(folder, "providers", provider);
}

/** Reads what was added; undefined where nothing was, or nothing that can be read. */
export function readAdded(
  provider: AddableProvider,
  env: NodeJS.ProcessEnv = process.env,
): AddedProvider | undefined {
  const folder = addedFolder(provider, env);
  if (folder === undefined) return undefined;
  try {
    const read = JSON.parse(readFileSync(join(folder, addedFile), "utf8"));
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
  const added = readAdded("cuda", env);
  if (added === undefined || statSync(runtime).size !== added.runtimeBytes) return runtime;
  const link = join(added.folder, "libonnxruntime.so.1");
  return linksTo(link, runtime) || makeLink(link, runtime) ? link : runtime;
}

/** Whether a library was opened by the link beside the provider that was added. */
export function isBesideAddedCuda(file: string, { folder }: AddedProvider): boolean {
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
