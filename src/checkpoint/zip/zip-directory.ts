import { damaged, quote, refused, tooLarge, unsupported } from "../checkpoint-error.ts";

/** A record of a zip archive, as the central directory lists it. */
export interface ZipEntry {
  readonly name: string;
  /** Length of the name in the file. */
  readonly nameBytes: number;
  /** Length in the archive. */
  readonly byteLength: number;
  /** Length of the contents; another only when they are compressed. */
  readonly contentBytes: number;
  readonly flags: number;
  /** How it is compressed; 0 when it is not. */
  readonly method: number;
  /** 0 where the writer computed none, as PyTorch does on request. */
  readonly crc32: number;
  /** Where its local header is. */
  readonly start: number;
  /** Where the next local header or the directory begins; the entry ends before it. */
  readonly limit: number;
}

/** An entry before its neighbours are known. */
type ListedEntry = Omit<ZipEntry, "limit"> & {
  /** Where in the directory the next one is. */
  readonly next: number;
};

/** The place of the central directory, as the end of the file states it. */
export interface DirectoryPlace {
  readonly start: number;
  readonly byteLength: number;
  readonly entryCount: number;
}

/** Lengths of the fixed parts, and their signatures, in the order of an archive. */
export const localHeader = { byteLength: 30, signature: 0x04034b50 };
const directoryEntry = { byteLength: 46, signature: 0x02014b50 };
const zip64End = { byteLength: 56, signature: 0x06064b50 };
const zip64Locator = { byteLength: 20, signature: 0x07064b50 };
const end = { byteLength: 22, signature: 0x06054b50 };

/** The number of bytes at the end of a file that {@link findDirectory} needs. */
export const archiveTailBytes = zip64End.byteLength + zip64Locator.byteLength + end.byteLength;

/** Flags that PyTorch sets: sizes follow the data (0x0008), names are UTF-8 (0x0800). */
const knownFlags = 0x0808;
const encryptedFlag = 0x0001;

/** An offset or size above this stands in a zip64 field. No network comes near 4 GiB. */
const zip64Mark = 0xffffffff;

/**
 * A directory of 65,535 entries, the most that fit without zip64, with names as PyTorch gives
 * them, is smaller than this. YOLO checkpoints have about a thousand entries.
 */
const maxDirectoryBytes = 8 << 20;

/**
 * Finds the directory from the last bytes of an archive.
 *
 * PyTorch always writes zip64 end records before the plain one, although they are not needed; they
 * must agree with it.
 *
 * @param tail The last {@link archiveTailBytes} of the file, or all of a shorter one.
 */
export function findDirectory(tail: Buffer, fileBytes: number): DirectoryPlace {
  if (tail.length < end.byteLength) throw damaged("The zip archive has no end");
  const at = tail.length - end.byteLength;
  if (tail.readUInt32LE(at) !== end.signature) {
    throw damaged("The zip archive does not end with its directory");
  }
  const place = {
    start: tail.readUInt32LE(at + 16),
    byteLength: tail.readUInt32LE(at + 12),
    entryCount: tail.readUInt16LE(at + 10),
  };
  const disks = [tail.readUInt16LE(at + 4), tail.readUInt16LE(at + 6)];
  if (disks.some((disk) => disk !== 0) || tail.readUInt16LE(at + 8) !== place.entryCount) {
    throw unsupported("The zip archive is one of several parts. Expected a single file.");
  }
  if (tail.readUInt16LE(at + 20) !== 0) throw damaged("The zip archive has a comment at its end");
  if (place.start === zip64Mark || place.entryCount === 0xffff) {
    throw tooLarge("The zip archive has more than 4 GiB or more than 65,534 entries");
  }
  if (place.byteLength > maxDirectoryBytes) {
    throw tooLarge(`The zip archive's directory has ${place.byteLength} bytes`);
  }
  const endBytes = end.byteLength + zip64EndBytes(tail, place, fileBytes);
  if (place.start + place.byteLength !== fileBytes - endBytes) {
    throw damaged("The zip archive's directory is not where its end says");
  }
  return place;
}

/** Length of zip64's end records; 0 where there are none. */
function zip64EndBytes(tail: Buffer, place: DirectoryPlace, fileBytes: number): number {
  const locatorAt = tail.length - end.byteLength - zip64Locator.byteLength;
  if (locatorAt < 0 || tail.readUInt32LE(locatorAt) !== zip64Locator.signature) return 0;
  const at = locatorAt - zip64End.byteLength;
  const agrees =
    at >= 0 &&
    tail.readUInt32LE(at) === zip64End.signature &&
    tail.readBigUInt64LE(at + 4) === BigInt(zip64End.byteLength - 12) &&
    tail.readBigUInt64LE(at + 32) === BigInt(place.entryCount) &&
    tail.readBigUInt64LE(at + 40) === BigInt(place.byteLength) &&
    tail.readBigUInt64LE(at + 48) === BigInt(place.start) &&
    tail.readBigUInt64LE(locatorAt + 8) === BigInt(fileBytes - tail.length + at);
  if (!agrees) throw damaged("The zip archive's two end records disagree");
  return zip64Locator.byteLength + zip64End.byteLength;
}

/**
 * Reads the central directory: every entry has a name of its own, lies inside the file and shares
 * no byte with another.
 */
export function readDirectory(bytes: Buffer, place: DirectoryPlace): Map<string, ZipEntry> {
  const entries: ListedEntry[] = [];
  let at = 0;
  for (let index = 0; index < place.entryCount; index++) {
    const entry = readEntry(bytes, at);
    entries.push(entry);
    at = entry.next;
  }
  if (at !== bytes.length) throw damaged("The zip archive's directory has another length");
  entries.sort((a, b) => a.start - b.start);
  if (entries.length > 0 && entries[0]!.start !== 0) {
    throw damaged("Something stands before the zip archive's first entry");
  }
  const directory = new Map<string, ZipEntry>();
  for (const [index, entry] of entries.entries()) {
    const limit = entries[index + 1]?.start ?? place.start;
    const leastEnd = entry.start + localHeader.byteLength + entry.nameBytes + entry.byteLength;
    if (leastEnd > limit) {
      throw damaged(`Entry ${quote(entry.name)} of the zip archive overlaps what follows it`);
    }
    if (directory.has(entry.name)) {
      throw refused(`The zip archive has two entries ${quote(entry.name)}`);
    }
    const { next: _, ...listed } = entry;
    directory.set(entry.name, { ...listed, limit });
  }
  return directory;
}

function readEntry(bytes: Buffer, at: number): ListedEntry {
  const nameAt = at + directoryEntry.byteLength;
  if (nameAt > bytes.length || bytes.readUInt32LE(at) !== directoryEntry.signature) {
    throw damaged("The zip archive's directory has an entry that is none");
  }
  const nameBytes = bytes.readUInt16LE(at + 28);
  const next = nameAt + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  if (next > bytes.length) throw damaged("The zip archive's directory ends inside an entry");
  const name = bytes.toString("utf8", nameAt, nameAt + nameBytes);
  const byteLength = bytes.readUInt32LE(at + 20);
  if (byteLength === zip64Mark) throw tooLarge(`Entry ${quote(name)} has more than 4 GiB`);
  if (bytes.readUInt16LE(at + 34) !== 0) throw damaged(`Entry ${quote(name)} is in another file`);
  return {
    name,
    nameBytes,
    byteLength,
    contentBytes: bytes.readUInt32LE(at + 24),
    flags: bytes.readUInt16LE(at + 8),
    method: bytes.readUInt16LE(at + 10),
    crc32: bytes.readUInt32LE(at + 16),
    start: bytes.readUInt32LE(at + 42),
    next,
  };
}

/** @throws `CHECKPOINT_REFUSED` when an entry is compressed, encrypted or otherwise odd. */
export function checkStored({ name, flags, method, ...sizes }: ZipEntry): void {
  if ((flags & encryptedFlag) !== 0) {
    throw refused(`Entry ${quote(name)} of the zip archive is encrypted`);
  }
  if (method !== 0) {
    throw refused(
      `Entry ${quote(name)} of the zip archive is compressed (method ${method}); ` +
        "PyTorch stores entries as they are",
    );
  }
  if ((flags & ~knownFlags) !== 0) {
    throw refused(
      `Entry ${quote(name)} of the zip archive has flags 0x${flags.toString(16)} ` +
        "that PyTorch does not set",
    );
  }
  if (sizes.byteLength !== sizes.contentBytes) {
    throw damaged(`Entry ${quote(name)} of the zip archive has two sizes`);
  }
}
