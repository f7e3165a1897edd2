import { readdir, rm, stat, statfs, unlink } from "node:fs/promises";
import http from "node:http";
import { basename, join } from "node:path";
import { cacheVariable } from "../../base/files/cache-folder.ts";
import { guardWriting, isDiskFull } from "../../base/files/disk-full.ts";
import { makeFolder, partSuffix, writeWhole } from "../../base/files/whole-file.ts";
import { formatBytes } from "../../base/quantities.ts";
import { OrangeryError } from "../../errors.ts";
import {
  addedCudaFile,
  addedCudaFolder,
  providersVariable,
  readAddedCuda,
} from "../../native/library/added-runtime.ts";
import { findLibrary } from "../../native/library/library.ts";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { cudaWheels, type ProviderWheels, type Wheel } from "./cuda-wheels.ts";
import { download } from "./download.ts";
import { findWheel } from "./find-wheel.ts";
import { takeLock } from "./folder-lock.ts";
import { isUnpacked, unpackWheel } from "./unpack-wheel.ts";

/** What is to be fetched so that CUDA's provider can be loaded. */
export interface CudaPlan {
  readonly folder: string;
  readonly runtimeVersion: string;
  readonly wheels: ProviderWheels;
  /** Those that are neither in the folder nor installed on the machine. */
  readonly missing: readonly Wheel[];
  /** Whether everything is in place. */
  readonly isComplete: boolean;
  /** To fetch, and then to keep on the disk. */
  readonly downloadBytes: number;
  readonly diskBytes: number;
}

export interface PlanOptions {
  /** Default: those that are known for the runtime and the platform. */
  readonly wheels?: ProviderWheels | undefined;
}

/**
 * Finds out what is missing for CUDA.
 *
 * @throws `DEVICE_UNAVAILABLE` where none is known for this runtime or platform, `NOT_WRITABLE`
 *   without a cache folder
 */
export async function planCuda(options: PlanOptions = {}): Promise<CudaPlan> {
  const runtimeVersion = onnxRuntime.version;
  const wheels = options.wheels ?? cudaWheels(runtimeVersion);
  if (wheels === undefined) {
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected a provider of CUDA for ONNX Runtime ${runtimeVersion} on ` +
        `${process.platform}/${process.arch}, but none is known. See docs/gpu.md for how to ` +
        "name a CUDA build of your own (ORANGERY_ORT_LIBRARY).",
      { details: { runtimeVersion, platform: process.platform, arch: process.arch } },
    );
  }
  const folder = addedCudaFolder();
  if (folder === undefined) {
    throw new OrangeryError(
      "NOT_WRITABLE",
      `Expected a cache folder for CUDA's libraries, but this user has none. Set ${cacheVariable} or ${providersVariable}.`,
    );
  }
  const added = readAddedCuda();
  const isOfThisRuntime = added?.runtimeVersion === runtimeVersion;
  const missing: Wheel[] = [];
  for (const wheel of [wheels.provider, ...wheels.libraries]) {
    const isThere = await isUnpacked(wheel, folder);
    const isFit = wheel !== wheels.provider || added === undefined || isOfThisRuntime;
    if (isThere && isFit) continue;
    if (wheel === wheels.provider || !isInstalled(wheel)) missing.push(wheel);
  }
  return {
    folder,
    runtimeVersion,
    wheels,
    missing,
    isComplete: missing.length === 0 && isOfThisRuntime,
    downloadBytes: sum(missing.map(({ bytes }) => bytes)),
    diskBytes: sum(missing.flatMap(({ members }) => members.map(({ bytes }) => bytes))),
  };
}

/** Whether the system finds all libraries of a wheel by itself. */
function isInstalled({ members }: Wheel): boolean {
  return members.every(({ path }) => canLoadLibrary(basename(path)));
}

export interface AddCudaOptions {
  /** The address of a package index. */
  readonly index: string;
  /** Called with the bytes that have been fetched, of those in the plan. */
  readonly onProgress?: ((bytes: number, wheel: Wheel) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches what a plan lists. The folder counts once its last file is written; until then what is
 * there is used only by the next attempt, which goes on from it. A full disk leaves nothing.
 *
 * @throws `DOWNLOAD_FAILED`, `DOWNLOAD_DAMAGED`, `NO_SPACE`, `NOT_WRITABLE`
 */
export async function addCuda(plan: CudaPlan, options: AddCudaOptions): Promise<void> {
  const { folder } = plan;
  const restore = useProxyOfEnvironment();
  try {
    await guardWriting(folder, async () => {
      await makeFolder(folder);
      await using _ = await takeLock(join(folder, "lock"));
      await checkSpace(plan);
      try {
        await fetchAll(plan, options);
      } catch (error) {
        if (isDiskFull(error)) await removeUnfinished(plan);
        throw error;
      }
    });
  } finally {
    restore();
  }
}

async function fetchAll(
  plan: CudaPlan,
  { index, onProgress, signal }: AddCudaOptions,
): Promise<void> {
  const { folder, missing, wheels, runtimeVersion } = plan;
  let before = 0;
  for (const wheel of missing) {
    // A provider of another runtime goes first, and its record with it.
    if (wheel === wheels.provider) await rm(join(folder, addedCudaFile), { force: true });
    const file = join(folder, wheel.file + partSuffix);
    await download(wheel, file, {
      find: () => findWheel(wheel, { index, signal }),
      onProgress: (bytes) => onProgress?.(before + bytes, wheel),
      signal,
    });
    await unpackWheel(wheel, { file, folder, signal });
    await unlink(file);
    before += wheel.bytes;
  }
  const inFolder = new Set<Wheel>(missing);
  for (const wheel of wheels.libraries) if (await isUnpacked(wheel, folder)) inFolder.add(wheel);
  const libraries = wheels.libraries.filter((wheel) => inFolder.has(wheel));
  const added = {
    runtimeVersion,
    // The link beside the provider leads to the file itself.
    runtimeBytes: (await stat(findLibrary())).size,
    libraries: libraries.flatMap(
      ({ members, opened }) => opened ?? members.map(({ path }) => basename(path)),
    ),
    packages: [wheels.provider, ...libraries].map(({ project, version, sha256 }) => ({
      project,
      version,
      sha256,
    })),
  };
  await writeWhole(join(folder, addedCudaFile), `${JSON.stringify(added, undefined, 2)}\n`);
  // Makes the link to the runtime, which later processes may have no right to make.
  findLibrary();
}

/** Removes CUDA again; returns the bytes that were freed. */
export async function removeCuda(): Promise<number> {
  const folder = addedCudaFolder();
  if (folder === undefined) return 0;
  const files = await readdir(folder).catch(() => []);
  if (files.length === 0) return 0;
  return await guardWriting(folder, async () => {
    await using _ = await takeLock(join(folder, "lock"));
    const sizes = await Promise.all(
      files.map((file) =>
        stat(join(folder, file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    // First what makes the folder count.
    await rm(join(folder, addedCudaFile), { force: true });
    await rm(folder, { recursive: true, force: true });
    return sum(sizes);
  });
}

async function checkSpace({ folder, diskBytes, missing }: CudaPlan): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  if (disk === undefined) return;
  const largest = Math.max(0, ...missing.map(({ bytes }) => bytes));
  const [free, needed] = [disk.bavail * disk.bsize, diskBytes + largest];
  if (free >= needed) return;
  throw new OrangeryError(
    "NO_SPACE",
    `Expected ${formatBytes(needed)} of free space in ${folder}, got ${formatBytes(free)}. ` +
      `Make room, or name another folder in ${providersVariable}. Nothing was fetched.`,
    { details: { folder, neededBytes: needed, freeBytes: free } },
  );
}

/** Removes what this attempt has left, and all of it where nothing was complete before. */
async function removeUnfinished({ folder, missing }: CudaPlan): Promise<void> {
  const left = missing.flatMap(({ file, members }) => [
    file + partSuffix,
    ...members.flatMap(({ path }) => [basename(path), basename(path) + partSuffix]),
  ]);
  for (const name of left) await rm(join(folder, name), { force: true });
}

/** `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count, whatever Node was started with. */
function useProxyOfEnvironment(): () => void {
  return http.setGlobalProxyFromEnv();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
