import { readdir, rm } from "node:fs/promises";
import { basename } from "node:path";
import { artifactFolder, cacheFolder, cacheVariable } from "../../base/files/cache-folder.ts";
import { OrangeryError } from "../../errors.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { hashFolder } from "../files/file-hash.ts";
import { type ArtifactDescription, artifactIdentity, artifactKey, libraryOf } from "./artifact.ts";
import { listArtifacts, listUnfinished, removeArtifact } from "./artifact-folder.ts";

/** A network that the cache folder keeps. */
export interface CacheEntry {
  /** Of the model file that it was made from. */
  readonly name: string;
  readonly path: string;
  /** What the network was made to compute in; absent where it was left as it is. */
  readonly precision?: "float16" | "int8" | undefined;
  readonly bytes: number;
  /** When it was used last. */
  readonly usedAt: Date;
  /**
   * `current` is what would be loaded now, `outdated` of another version or machine. `unfinished`
   * is being written, or was left by a process that was killed.
   */
  readonly state: "current" | "outdated" | "damaged" | "unfinished";
}

/** The outcome of {@link clearCache}. */
export interface ClearedCache {
  readonly cleared: readonly CacheEntry[];
  /** Entries that are still there, and why. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Lists what is kept in the cache folder, the most recently used first.
 *
 * @throws `INVALID_ARGUMENT` where there is a folder for it that cannot be read
 */
export async function listCache(): Promise<CacheEntry[]> {
  return (await readEntries()).map(({ entry }) => entry);
}

interface ReadEntry {
  readonly entry: CacheEntry;
  readonly isBeingWritten?: boolean;
}

async function readEntries(): Promise<ReadEntry[]> {
  await requireReadable();
  const root = artifactFolder() ?? "";
  const artifacts = await listArtifacts(root);
  const unfinished = (await listUnfinished(root)).map(
    ({ folder, bytes, changedAtMs, isBeingWritten }): ReadEntry => ({
      entry: {
        name: basename(folder),
        path: folder,
        bytes,
        usedAt: new Date(changedAtMs),
        state: "unfinished",
      },
      isBeingWritten,
    }),
  );
  const whole = artifacts.map(
    ({ folder, bytes, usedAtMs, facts }): ReadEntry => ({
      entry: {
        name: facts?.modelName ?? basename(folder),
        path: folder,
        precision: facts?.precision,
        bytes,
        usedAt: new Date(usedAtMs),
        state: facts === undefined ? "damaged" : isCurrent(folder, facts) ? "current" : "outdated",
      },
    }),
  );
  return [...whole, ...unfinished];
}

/**
 * Removes all that Orangery keeps in the cache folder but what is being written, and nothing else
 * that lies there.
 *
 * @throws what `listCache` throws
 */
export async function clearCache(): Promise<ClearedCache> {
  const cleared: CacheEntry[] = [];
  const failed: { path: string; reason: string }[] = [];
  const attempt = async (path: string, remove: () => Promise<void>) => {
    try {
      await remove();
      return true;
    } catch (error) {
      failed.push({ path, reason: (error as NodeJS.ErrnoException).code ?? String(error) });
      return false;
    }
  };
  for (const { entry, isBeingWritten } of await readEntries()) {
    if (isBeingWritten) continue;
    const { path } = entry;
    if (await attempt(path, () => removeArtifact(path))) cleared.push(entry);
  }
  const hashes = hashFolder();
  if (hashes !== undefined) {
    await attempt(hashes, () => rm(hashes, { recursive: true, force: true }));
  }
  return { cleared, failed };
}

/** There may be no cache folder yet. */
async function requireReadable(): Promise<void> {
  const folder = cacheFolder();
  if (folder === undefined) return;
  try {
    await readdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the cache folder to be one that can be read, got ${code} for \`${folder}\`. ` +
        `Correct ${cacheVariable}, or the rights.`,
      { cause, details: { path: folder, reason: code } },
    );
  }
}

function isCurrent(folder: string, { modelSha256, device }: ArtifactDescription): boolean {
  const identity = artifactIdentity(modelSha256, { device, library: libraryOf(onnxRuntime) });
  return basename(folder) === artifactKey(identity);
}
