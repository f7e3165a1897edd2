import { createHash, hash } from "node:crypto";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../base/files/cache-folder.ts";
import { writeWhole } from "../../base/files/whole-file.ts";

/** The contents of a file, by their hash. */
export interface FileContents {
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Changes whenever a file's contents do, unless a clock is set back. */
interface Stamp {
  readonly text: string;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** Smaller files are hashed in a few milliseconds. */
const leastBytesToRemember = 4 * 1024 * 1024;
/** A file that changes this soon after a change may keep its stamp: clocks of files are coarse. */
const settledAfterMs = 2000;
const forgottenAfterMs = 90 * 24 * 3_600_000;

/** More are forgotten, the oldest first, and computed again: a process may see any number. */
const mostKnown = 1000;

/** Hashes that this process has computed, by path; valid while the file's stamp is the same. */
const known = new Map<string, { readonly stamp: string; readonly sha256: Promise<string> }>();

/**
 * Hashes a file: once, and again only when its size, times or inode have changed, so asking is as
 * cheap as one `stat`. The hash of a large file is kept in the cache folder, too, for the next
 * process: hashing 40 MB takes longer than mapping a model.
 */
export async function hashFile(path: string): Promise<FileContents> {
  const stamp = await readStamp(path);
  let entry = known.get(path);
  if (entry?.stamp !== stamp.text) {
    const reading = { stamp: stamp.text, sha256: recallOrRead(path, stamp) };
    entry = reading;
    known.set(path, reading);
    if (known.size > mostKnown) known.delete(known.keys().next().value!);
    // A failure is forgotten: the next caller reads the file again.
    reading.sha256.catch(() => {
      if (known.get(path) === reading) known.delete(path);
    });
  }
  return { bytes: stamp.bytes, sha256: await entry.sha256 };
}

/** Keeps the hash of a file that its caller has just written, and nobody else writes. */
export async function keepHash(path: string, sha256: string): Promise<void> {
  const folder = hashFolder();
  const { text: stamp } = await readStamp(path);
  if (folder !== undefined) await writeNote(folder, { path, stamp, sha256 });
}

/** Removes old hashes, mostly of files that no longer exist. */
export async function forgetOldHashes(): Promise<void> {
  const folder = hashFolder() ?? "";
  const names = await readdir(folder).catch(() => []);
  for (const note of names.map((name) => join(folder, name))) {
    const keptAtMs = await stat(note).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - keptAtMs > forgottenAfterMs) await rm(note, { force: true }).catch(() => {});
  }
}

/** Returns the folder where the hashes of large files are kept. */
export function hashFolder(): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, "hashes");
}

async function readStamp(path: string): Promise<Stamp> {
  const stats = await stat(path, { bigint: true });
  if (!stats.isFile()) throw new Error("it is not a file");
  return {
    text: `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
    bytes: Number(stats.size),
    changedAtMs: Number(stats.ctimeMs),
  };
}

async function recallOrRead(path: string, stamp: Stamp): Promise<string> {
  const folder = hashFolder();
  if (folder === undefined || stamp.bytes < leastBytesToRemember) return await readAll(path);
  const noted = await readNote(noteFile(folder, path));
  if (noted?.path === path && noted.stamp === stamp.text) return noted.sha256;
  const isSettled = Date.now() - stamp.changedAtMs > settledAfterMs;
  const sha256 = await readAll(path);
  if (isSettled && (await readStamp(path)).text === stamp.text) {
    // If it cannot be kept, the next process hashes again.
    await writeNote(folder, { path, stamp: stamp.text, sha256 }).catch(() => {});
  }
  return sha256;
}

interface Note {
  readonly path: string;
  readonly stamp: string;
  readonly sha256: string;
}

function noteFile(folder: string, path: string): string {
  return join(folder, `${hash("sha256", path).slice(0, 32)}.json`);
}

async function writeNote(folder: string, note: Note): Promise<void> {
  await writeWhole(noteFile(folder, note.path), JSON.stringify(note));
}

async function readNote(file: string): Promise<Note | undefined> {
  try {
    const note = JSON.parse(await readFile(file, "utf8"));
    return /^[0-9a-f]{64}$/.test(note.sha256) ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Hashes one half of the buffer while reading the other: 40 MB in 31 ms, a stream takes 65. */
async function readAll(path: string): Promise<string> {
  const digest = createHash("sha256");
  await using file = await open(path);
  const halves = [Buffer.allocUnsafe(1 << 20), Buffer.allocUnsafe(1 << 20)] as const;
  const read = (half: 0 | 1) => file.read(halves[half], 0, halves[half].length);
  let half: 0 | 1 = 0;
  for (let reading = read(half); ; ) {
    const { bytesRead, buffer } = await reading;
    if (bytesRead === 0) return digest.digest("hex");
    half = half === 0 ? 1 : 0;
    reading = read(half);
    digest.update(buffer.subarray(0, bytesRead));
  }
}
