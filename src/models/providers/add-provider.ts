import { lstat, readdir, rm, statfs, unlink } from "node:fs/promises";
import http from "node:http";
import { basename, join } from "node:path";
import { guardWriting, isDiskFull } from "../../base/files/disk-full.ts";
import { makeFolder, partSuffix, writeWhole } from "../../base/files/whole-file.ts";
import { formatBytes } from "../../base/quantities.ts";
import { OrangeryError } from "../../errors.ts";
import {
  type AddableProvider,
  addedFile,
  addedFolder,
  providersVariable,
} from "../../native/library/added-runtime.ts";
import { findLibrary } from "../../native/library/library.ts";
import { download } from "./download.ts";
import { findWheel } from "./find-wheel.ts";
import { takeLock } from "./folder-lock.ts";
import type { ProviderPlan } from "./plan-provider.ts";
import type { Wheel } from "./provider-wheels.ts";
import { isUnpacked, unpackWheel } from "./unpack-wheel.ts";

export interface AddProviderOptions {
  /** The address of a package index. */
  readonly index: string;
  /** Called with the bytes that have been fetched, of those in the plan. */
  readonly onProgress?: ((bytes: number, wheel: Wheel) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Downloads what a plan lists. The folder is valid once its last file is written; until then only
 * the next attempt uses its contents, and continues from there. A full disk leaves nothing behind.
 *
 * @throws `DOWNLOAD_FAILED`, `DOWNLOAD_DAMAGED`, `NO_SPACE`, `NOT_WRITABLE`, `INVALID_ARGUMENT` for
 *   a proxy that is none
 */
export async function addProvider(plan: ProviderPlan, options: AddProviderOptions): Promise<void> {
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
  plan: ProviderPlan,
  { index, onProgress, signal }: AddProviderOptions,
): Promise<void> {
  const { folder, missing, wheels, runtimeVersion, runtimeBytes } = plan;
  let before = 0;
  for (const wheel of missing) {
    // A provider for another runtime is removed first, with its record.
    if (wheel === wheels.provider) await rm(join(folder, addedFile), { force: true });
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
    runtimeBytes,
    libraries: libraries.flatMap(
      ({ members, opened }) => opened ?? members.map(({ path }) => basename(path)),
    ),
    packages: [wheels.provider, ...libraries].map(({ project, version, sha256 }) => ({
      project,
      version,
      sha256,
    })),
  };
  await writeWhole(join(folder, addedFile), `${JSON.stringify(added, undefined, 2)}\n`);
  // Makes the link to the runtime now, since later processes may lack the rights.
  findLibrary();
}

/** Removes a provider again; returns the bytes that were freed. */
export async function removeProvider(provider: AddableProvider): Promise<number> {
  const folder = addedFolder(provider);
  if (folder === undefined) return 0;
  const files = await readdir(folder).catch(() => []);
  if (files.length === 0) return 0;
  return await guardWriting(folder, async () => {
    await using _ = await takeLock(join(folder, "lock"));
    const sizes = await Promise.all(
      files.map((file) =>
        lstat(join(folder, file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    // First the file that makes the folder valid.
    await rm(join(folder, addedFile), { force: true });
    await rm(folder, { recursive: true, force: true });
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  });
}

async function checkSpace({ folder, diskBytes, missing }: ProviderPlan): Promise<void> {
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

/** Removes the remains of this attempt, and the whole folder if it was not complete before. */
async function removeUnfinished({ folder, missing }: ProviderPlan): Promise<void> {
  const left = missing.flatMap(({ file, members }) => [
    file + partSuffix,
    ...members.flatMap(({ path }) => [basename(path), basename(path) + partSuffix]),
  ]);
  for (const name of left) await rm(join(folder, name), { force: true });
}

/** `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count, whatever Node was started with. */
function useProxyOfEnvironment(): () => void {
  try {
    return http.setGlobalProxyFromEnv();
  } catch (cause) {
    const variable = proxyVariables.find((name) => !isProxy(process.env[name]));
    if (variable === undefined) throw cause;
    // There may be a password before the host.
    const value = process.env[variable]!.replace(/^.*@/s, "…@");
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the address of a proxy in ${variable}, as in http://proxy.example:3128, ` +
        `got \`${value}\`. Nothing was fetched.`,
      { cause, details: { variable } },
    );
  }
}

const proxyVariables = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"] as const;

function isProxy(value = ""): boolean {
  return value === "" || /^https?:$/.test(URL.parse(value)?.protocol ?? "");
}
