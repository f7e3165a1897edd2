import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { onnxRuntime } from "../native/onnx-runtime.ts";
import { type ArtifactFacts, artifactIdentity, artifactKey } from "./artifact.ts";
import { listArtifacts, removeAbandoned, removeArtifact } from "./artifact-folder.ts";
import { artifactFolder, cacheFolder } from "./cache-folder.ts";
import { hashFolder } from "./file-hash.ts";

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

/** What is kept in the cache folder, the most recently used first, samples at the end. */
export async function listCache(): Promise<CacheEntry[]> {
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
  return [...entries, ...(await listSamples())];
}

/** Removes all that Orangery keeps in the cache folder, and nothing else that lies there. */
export async function clearCache(): Promise<CacheEntry[]> {
  const entries = await listCache();
  for (const { kind, path } of entries) {
    await (kind === "artifact" ? removeArtifact(path) : rm(path, { force: true }));
  }
  await removeAbandoned(artifactFolder() ?? "");
  const hashes = hashFolder();
  if (hashes !== undefined) await rm(hashes, { recursive: true, force: true });
  return entries;
}

function isCurrent(folder: string, { modelSha256, device }: ArtifactFacts): boolean {
  const library = `${onnxRuntime.name} ${onnxRuntime.version}`;
  return basename(folder) === artifactKey(artifactIdentity(modelSha256, { device, library }));
}

async function listSamples(): Promise<CacheEntry[]> {
  const folder = cacheFolder();
  const names = folder === undefined ? [] : await readdir(folder).catch(() => []);
  const samples = names.filter((name) => /^sample-\w+-[0-9a-f]{12}\.onnx$/.test(name));
  return await Promise.all(
    samples.map(async (name): Promise<CacheEntry> => {
      const path = join(folder!, name);
      const { size: bytes, mtime: usedAt } = await stat(path);
      return { kind: "sample", name, path, bytes, usedAt, state: "current" };
    }),
  );
}
