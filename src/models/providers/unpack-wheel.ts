import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { partSuffix } from "../../base/files/whole-file.ts";
import { ZipArchive } from "../../checkpoint/zip/zip-archive.ts";
import { localHeader, type ZipEntry } from "../../checkpoint/zip/zip-directory.ts";
import { OrangeryError } from "../../errors.ts";
import type { Wheel, WheelMember } from "./provider-wheels.ts";

/** `compression method` of the zip format. */
const stored = 0;
const deflated = 8;

/**
 * Takes the files that are needed out of a wheel; each appears in the folder when it is whole.
 *
 * @throws `DOWNLOAD_DAMAGED`, and what the file system throws
 */
export async function unpackWheel(
  wheel: Wheel,
  {
    file,
    folder,
    signal,
  }: {
    readonly file: string;
    readonly folder: string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  await using handle = await open(file);
  const { entries } = await ZipArchive.open(handle, (await handle.stat()).size);
  for (const member of wheel.members) {
    const entry = entries.get(member.path);
    if (entry === undefined || entry.contentBytes !== member.bytes || !isReadable(entry)) {
      throw damaged(wheel, member);
    }
    const header = Buffer.alloc(localHeader.byteLength);
    await handle.read(header, 0, header.length, entry.start);
    const start = entry.start + header.length + header.readUInt16LE(26) + header.readUInt16LE(28);
    const target = join(folder, basename(member.path));
    const part = target + partSuffix;
    const check = new Checksum();
    await pipeline(
      createReadStream(file, { start, end: start + entry.byteLength - 1 }),
      entry.method === deflated ? createInflateRaw() : new PassThrough(),
      check,
      createWriteStream(part, { flush: true }),
      { signal },
    );
    if (check.crc32 !== entry.crc32 || check.bytes !== member.bytes) throw damaged(wheel, member);
    await rename(part, target);
  }
}

/** Whether all of a wheel's files are in the folder. */
export async function isUnpacked({ members }: Wheel, folder: string): Promise<boolean> {
  const sizes = await Promise.all(
    members.map(({ path }) => stat(join(folder, basename(path))).catch(() => undefined)),
  );
  return members.every(({ bytes }, index) => sizes[index]?.size === bytes);
}

function isReadable({ method, flags, byteLength }: ZipEntry): boolean {
  return (method === stored || method === deflated) && (flags & 1) === 0 && byteLength > 0;
}

/** Counts and sums up what passes through. */
class Checksum extends Transform {
  crc32 = 0;
  bytes = 0;

  override _transform(chunk: Buffer, _: unknown, done: (error: null, chunk: Buffer) => void): void {
    this.crc32 = crc32(chunk, this.crc32);
    this.bytes += chunk.length;
    done(null, chunk);
  }
}

function damaged({ project, version }: Wheel, { path }: WheelMember): OrangeryError {
  return new OrangeryError(
    "DOWNLOAD_DAMAGED",
    `Expected ${path} in ${project} ${version}, but it is missing there or damaged. Try again.`,
    { details: { project, version, path } },
  );
}
