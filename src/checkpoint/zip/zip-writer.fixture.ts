import { crc32 } from "node:zlib";

/** A record of an archive, and what its headers are to say of it where that is not the truth. */
export interface ZipRecord {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  readonly localName?: string;
  readonly directory?: {
    readonly start?: number;
    readonly byteLength?: number;
    readonly contentBytes?: number;
  };
}

const padding = "FB";

/** What is written of records that many archives have, by where it begins within 64 bytes. */
const written = new WeakMap<ZipRecord, Map<number, Buffer>>();

/**
 * Writes a zip archive as PyTorch does: records are stored, their data begin at multiples of 64,
 * local headers say nothing of sizes, and zip64's end records are there without need.
 */
export function writeZip(records: readonly ZipRecord[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const record of records) {
    const local = localPart(record, at % 64);
    parts.push(local);
    directory.push(directoryPart(record, at));
    at += local.length;
  }
  const directoryBytes = Buffer.concat(directory);
  return Buffer.concat([...parts, directoryBytes, endPart(records.length, at, directoryBytes)]);
}

function localPart(record: ZipRecord, start: number): Buffer {
  const known = written.get(record) ?? new Map<number, Buffer>();
  written.set(record, known);
  const part = known.get(start) ?? makeLocalPart(record, start);
  known.set(start, part);
  return part;
}

function makeLocalPart(record: ZipRecord, start: number): Buffer {
  const { name, bytes, flags = 0x0808, method = 0, localName = name } = record;
  const nameBytes = Buffer.from(localName);
  const unpadded = start + 30 + nameBytes.length + 4;
  const extra = Buffer.alloc(4 + ((64 - (unpadded % 64)) % 64), "Z");
  extra.write(padding, "latin1");
  extra.writeUInt16LE(extra.length - 4, 2);

  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(method, 8);
  header.writeUInt16LE(nameBytes.length, 26);
  header.writeUInt16LE(extra.length, 28);

  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc32(bytes), 4);
  descriptor.writeUInt32LE(bytes.length, 8);
  descriptor.writeUInt32LE(bytes.length, 12);
  return Buffer.concat([header, nameBytes, extra, bytes, descriptor]);
}

function directoryPart(record: ZipRecord, at: number): Buffer {
  const { name, bytes, flags = 0x0808, method = 0, crc32: checksum = crc32(bytes) } = record;
  const { start = at, byteLength = bytes.length } = record.directory ?? {};
  const { contentBytes = byteLength } = record.directory ?? {};
  const nameBytes = Buffer.from(name);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(flags, 8);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(checksum, 16);
  entry.writeUInt32LE(byteLength, 20);
  entry.writeUInt32LE(contentBytes, 24);
  entry.writeUInt16LE(nameBytes.length, 28);
  entry.writeUInt32LE(start, 42);
  return Buffer.concat([entry, nameBytes]);
}

function endPart(entryCount: number, directoryStart: number, directory: Buffer): Buffer {
  const end = Buffer.alloc(56 + 20 + 22);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeBigUInt64LE(BigInt(entryCount), 24);
  end.writeBigUInt64LE(BigInt(entryCount), 32);
  end.writeBigUInt64LE(BigInt(directory.length), 40);
  end.writeBigUInt64LE(BigInt(directoryStart), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(directoryStart + directory.length), 64);
  end.writeUInt32LE(1, 72);
  end.writeUInt32LE(0x06054b50, 76);
  end.writeUInt16LE(entryCount, 84);
  end.writeUInt16LE(entryCount, 86);
  end.writeUInt32LE(directory.length, 88);
  end.writeUInt32LE(directoryStart, 92);
  return end;
}
