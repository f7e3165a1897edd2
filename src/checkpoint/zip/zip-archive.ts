import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { damaged, quote, tooLarge } from "../checkpoint-error.ts";
import { readExactly } from "../read-exactly.ts";
import {
  archiveTailBytes,
  checkStored,
  findDirectory,
  localHeader,
  readDirectory,
  type ZipEntry,
} from "./zip-directory.ts";

/** Entries that lie side by side are read together, up to this much at once. */
const chunkBytes = 8 << 20;

/** The most bytes of a local header besides its fixed part and the name. */
const maxExtraBytes = 0xffff;

/** A zip archive of stored, not compressed, entries. Only requested entries are read. */
export class ZipArchive {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, entries: ReadonlyMap<string, ZipEntry>) {
    this.#file = file;
    this.entries = entries;
  }

  /** Opens an archive. The caller keeps the file open while it reads, and closes it. */
  static async open(file: FileHandle, fileBytes: number): Promise<ZipArchive> {
    const tailBytes = Math.min(fileBytes, archiveTailBytes);
    const tail = await readExactly(file, fileBytes - tailBytes, tailBytes);
    const place = findDirectory(tail, fileBytes);
    const bytes = await readExactly(file, place.start, place.byteLength);
    return new ZipArchive(file, readDirectory(bytes, place));
  }

  /**
   * Reads the contents of entries and checks their CRC-32. They are views of shared buffers.
   */
  async read(
    entries: Iterable<ZipEntry>,
    { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Map<ZipEntry, Buffer>> {
    const chunks = planChunks(entries);
    const bytes = chunks.reduce((sum, { start, end }) => sum + end - start, 0);
    if (bytes > maxBytes) throw tooLarge(`It has ${bytes} bytes to read; the limit is ${maxBytes}`);
    const contents = new Map<ZipEntry, Buffer>();
    for (const { start, end, entries } of chunks) {
      entries.forEach(checkStored);
      signal?.throwIfAborted();
      const chunk = await readExactly(this.#file, start, end - start);
      for (const entry of entries) contents.set(entry, contentOf(entry, chunk, start));
    }
    return contents;
  }
}

interface Chunk {
  readonly start: number;
  end: number;
  readonly entries: ZipEntry[];
}

function planChunks(entries: Iterable<ZipEntry>): Chunk[] {
  const chunks: Chunk[] = [];
  for (const entry of [...entries].sort((a, b) => a.start - b.start)) {
    const { start, nameBytes, byteLength, limit } = entry;
    const mostEnd = start + localHeader.byteLength + nameBytes + maxExtraBytes + byteLength;
    const end = Math.min(limit, mostEnd);
    const last = chunks.at(-1);
    if (last !== undefined && last.end === start && end - last.start <= chunkBytes) {
      last.end = end;
      last.entries.push(entry);
    } else {
      chunks.push({ start, end, entries: [entry] });
    }
  }
  return chunks;
}

/**
 * Local headers repeat the directory, except for sizes and checksum, which PyTorch leaves empty.
 */
function contentOf(entry: ZipEntry, chunk: Buffer, chunkStart: number): Buffer {
  const at = entry.start - chunkStart;
  const nameAt = at + localHeader.byteLength;
  const nameBytes = chunk.readUInt16LE(at + 26);
  const contentAt = nameAt + nameBytes + chunk.readUInt16LE(at + 28);
  const matches =
    chunk.readUInt32LE(at) === localHeader.signature &&
    chunk.readUInt16LE(at + 8) === 0 &&
    nameBytes === entry.nameBytes &&
    chunk.toString("utf8", nameAt, nameAt + nameBytes) === entry.name &&
    [0, entry.byteLength].includes(chunk.readUInt32LE(at + 18)) &&
    [0, entry.byteLength].includes(chunk.readUInt32LE(at + 22));
  if (!matches) throw damaged(`Entry ${quote(entry.name)} is not where the zip archive says`);
  if (entry.start + contentAt - at + entry.byteLength > entry.limit) {
    throw damaged(`Entry ${quote(entry.name)} of the zip archive overlaps what follows it`);
  }
  const content = chunk.subarray(contentAt, contentAt + entry.byteLength);
  // 40 MB take 13 ms. A checksum of 0 is none: `torch.serialization.set_crc32_options(False)`.
  if (entry.crc32 !== 0 && crc32(content) !== entry.crc32) {
    throw damaged(`Entry ${quote(entry.name)} does not have the checksum that was written with it`);
  }
  return content;
}
