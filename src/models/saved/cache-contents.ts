import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { OrangeryError } from "../../errors.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { artifactFolder, cacheFolder, cacheVariable } from "../files/cache-folder.ts";
import { hashFolder } from "../files/file-hash.ts";
import { type ArtifactDescription, artifactIdentity, artifactKey } from "./artifact.ts";
import { listArtifacts, removeAbandoned, removeArtifact } from "./artifact-folder.ts";

/** Something that the cache folder keeps. */
export interface CacheEntry {
  readonly kind: "artifact" | "sample";
  /** Name of the model file that an artifact was made from, or of the sample's file. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When it was used last; of a sample, when it was written. */
  readonly usedAt: Date;
  /** `current` is what would be loaded now; the others are of another version or machine. */
  readonly state: "current" | "outdated" | "damaged";
}

/** What {@link clearCache} has done. */
export interface ClearedCache {
  readonly cleared: readonly CacheEntry[];
  /** What is still there, and why. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * What is kept in the cache folder, the most recently used first, samples at the end.
 *
 * @throws `INVALID_ARGUMENT` where there is a folder for it that cannot be read
 */
export async function listCache(): Promise<CacheEntry[]> {
  const names = await namesInCache();
  const artifacts = await listArtifacts(artifactFolder() ?? "");
  const entries = artifacts.map(
    ({ folder, bytes, usedAtMs, facts }): CacheEntry => ({
      kind: "artifact",
      name: facts?.modelName ?? basename(folder),
      path: folder,
      bytes,
      usedAt: new Date(usedAtMs),
      state: facts === undefined ? "damaged" : isCurrent(folder, facts) ? "current" : "outdated",
    }),
  );
  return [...entries, ...(await listSamples(names))];
}

/**
 * Removes all that Orangery keeps in the cache folder, and nothing else that lies there.
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
  for (const entry of await listCache()) {
    const { kind, path } = entry;
    const remove = () => (kind === "artifact" ? removeArtifact(path) : rm(path, { force: true }));
    if (await attempt(path, remove)) cleared.push(entry);
  }
  await removeAbandoned(artifactFolder() ?? "");
  const hashes = hashFolder();
  if (hashes !== undefined) {
    await attempt(hashes, () => rm(hashes, { recursive: true, force: true }));
  }
  return { cleared, failed };
}

/** None where there is no cache folder yet. */
async function namesInCache(): Promise<string[]> {
  const folder = cacheFolder();
  if (folder === undefined) return [];
  try {
    return await readdir(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the cache folder to be one that can be read, got ${code} for \`${folder}\`. Correct ${cacheVariable}, or the rights.`,
      { cause, details: { path: folder, reason: code } },
    );
  }
}

function isCurrent(folder: string, { modelSha256, device }: ArtifactDescription): boolean {
  const library = `${onnxRuntime.name} ${onnxRuntime.version}`;
  return basename(folder) === artifactKey(artifactIdentity(modelSha256, { device, library }));
}

async function listSamples(names: readonly string[]): Promise<CacheEntry[]> {
  const samples = names.filter((name) => /^sample-\w+-[0-9a-f]{12}\.onnx$/.test(name));
  const entries = samples.map(async (name): Promise<CacheEntry | undefined> => {
    const path = join(cacheFolder()!, name);
    try {
      const { size: bytes, mtime: usedAt } = await stat(path);
      return { kind: "sample", name, path, bytes, usedAt, state: "current" };
    } catch {
      // Removed meanwhile.
      return undefined;
    }
  });
  return (await Promise.all(entries)).filter((entry) => entry !== undefined);
}
