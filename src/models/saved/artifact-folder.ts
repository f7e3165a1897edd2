import { readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { partOf } from "../../base/files/whole-file.ts";
import {
  type ArtifactDescription,
  isArtifactKey,
  networkFile,
  readArtifactDescription,
} from "./artifact.ts";

/** An artifact as it lies in the folder. */
export interface StoredArtifact {
  readonly folder: string;
  readonly bytes: number;
  readonly usedAtMs: number;
  /** Undefined where it is damaged. */
  readonly facts: ArtifactDescription | undefined;
}

/** An unfinished artifact that has not changed for this long was left by a process that is gone. */
const abandonedAfterMs = 10 * 60_000;

/**
 * Lists the artifacts in a folder, the most recently used first; none where there is no such
 * folder.
 */
export async function listArtifacts(root: string): Promise<StoredArtifact[]> {
  const keys = (await namesIn(root)).filter(isArtifactKey);
  const found = await Promise.all(keys.map((key) => readStored(join(root, key))));
  return found.filter((artifact) => artifact !== undefined).sort((a, b) => b.usedAtMs - a.usedAtMs);
}

/**
 * Removes an artifact. A process that has it mapped is not disturbed: the file stays until that
 * process closes it, or, on Windows, cannot be removed and stays in its place.
 */
export async function removeArtifact(folder: string): Promise<void> {
  // Away from its name in one step, so that nobody finds half of it.
  const part = partOf(folder);
  await rename(folder, part);
  await rm(part, { recursive: true, force: true });
}

/**
 * Removes the least recently used artifacts until the rest takes no more than `maxBytes`, and what
 * killed processes have left unfinished. `keep` stays, whatever its size.
 */
export async function trimArtifacts(
  root: string,
  { maxBytes, keep }: { readonly maxBytes: number; readonly keep?: string },
): Promise<void> {
  await removeAbandoned(root);
  let bytes = 0;
  for (const artifact of await listArtifacts(root)) {
    // Counted also when it goes: what was used even longer ago goes with it, however small it is.
    bytes += artifact.bytes;
    if (bytes <= maxBytes || artifact.folder === keep) continue;
    // Another process may have been quicker.
    await removeArtifact(artifact.folder).catch(() => {});
  }
}

/**
 * Makes room on the disk for `bytes` more, at the cost of artifacts only, and only where that is
 * enough: a disk that others have filled is left alone.
 *
 * @throws where there is not enough room
 */
export async function freeDiskSpace(root: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(root);
  const missing = bytes - bavail * bsize;
  if (missing <= 0) return;
  const held = (await listArtifacts(root)).reduce((sum, artifact) => sum + artifact.bytes, 0);
  if (held < missing) {
    throw new Error(`the disk has ${bavail * bsize} bytes left, and ${bytes} are wanted`);
  }
  await trimArtifacts(root, { maxBytes: held - missing });
}

/** Removes what killed processes have left unfinished. */
export async function removeAbandoned(root: string): Promise<void> {
  for (const name of await namesIn(root)) {
    if (!name.endsWith(".part")) continue;
    const part = join(root, name);
    const changedAtMs = await Promise.all(
      [part, networkFile(part)].map((path) =>
        stat(path).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      ),
    );
    if (Date.now() - Math.max(...changedAtMs) < abandonedAfterMs) continue;
    await rm(part, { recursive: true, force: true }).catch(() => {});
  }
}

async function namesIn(root: string): Promise<string[]> {
  return await readdir(root).catch(() => []);
}

async function readStored(folder: string): Promise<StoredArtifact | undefined> {
  try {
    const { mtimeMs } = await stat(folder);
    const bytes = await stat(networkFile(folder)).then(
      ({ size }) => size,
      () => 0,
    );
    const facts = await readArtifactDescription(folder).catch(() => undefined);
    const isWhole = facts?.bytes === bytes;
    return { folder, bytes, usedAtMs: mtimeMs, facts: isWhole ? facts : undefined };
  } catch {
    // Removed meanwhile.
    return undefined;
  }
}
