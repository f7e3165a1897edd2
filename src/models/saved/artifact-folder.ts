import { readdir, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { partOf, partSuffix } from "../../base/files/whole-file.ts";
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

/** What a process is writing, or has left when it was killed. */
export interface UnfinishedArtifact {
  readonly folder: string;
  readonly bytes: number;
  readonly changedAtMs: number;
  /** Whether it has changed in the last half minute; the largest take 10 s. */
  readonly isBeingWritten: boolean;
}

/** An unfinished artifact that has not changed for this long was left by a process that is gone. */
const abandonedAfterMs = 10 * 60_000;

const quietAfterMs = 30_000;

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
  if ((await freeBytes(root)) >= bytes) return;
  await removeAbandoned(root);
  const free = await freeBytes(root);
  const missing = bytes - free;
  if (missing <= 0) return;
  const held = (await listArtifacts(root)).reduce((sum, artifact) => sum + artifact.bytes, 0);
  if (held < missing) {
    throw new Error(`the disk has ${free} bytes left, and ${bytes} are wanted`);
  }
  await trimArtifacts(root, { maxBytes: held - missing });
}

async function freeBytes(root: string): Promise<number> {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
}

/** Removes what killed processes have left unfinished. */
export async function removeAbandoned(root: string): Promise<void> {
  for (const { folder, changedAtMs } of await listUnfinished(root)) {
    if (Date.now() - changedAtMs < abandonedAfterMs) continue;
    await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Counts the processes that were killed while they made an artifact, as far as is still known. */
export async function countKilled(artifact: string): Promise<number> {
  const unfinished = await listUnfinished(dirname(artifact));
  return unfinished.filter(
    ({ folder, isBeingWritten }) =>
      !isBeingWritten && basename(folder).startsWith(`${basename(artifact)}.`),
  ).length;
}

/** Lists what is being written in a folder of artifacts, and what killed processes have left. */
export async function listUnfinished(root: string): Promise<UnfinishedArtifact[]> {
  const parts = (await namesIn(root)).filter((name) => name.endsWith(partSuffix));
  return await Promise.all(
    parts.map(async (part) => {
      const folder = join(root, part);
      const inside = (await namesIn(folder)).map((name) => join(folder, name));
      const [own, ...files] = await Promise.all(
        [folder, ...inside].map((path) => stat(path).catch(() => ({ size: 0, mtimeMs: 0 }))),
      );
      const bytes = files.reduce((sum, { size }) => sum + size, 0);
      const changedAtMs = Math.max(own!.mtimeMs, ...files.map(({ mtimeMs }) => mtimeMs));
      const isBeingWritten = Date.now() - changedAtMs < quietAfterMs;
      return { folder, bytes, changedAtMs, isBeingWritten };
    }),
  );
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
