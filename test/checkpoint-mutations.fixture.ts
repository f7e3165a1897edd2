import type { ZipRecord } from "../src/checkpoint/zip/zip-writer.fixture.ts";
import { writeZip } from "../src/checkpoint/zip/zip-writer.fixture.ts";

/** A generator of numbers that gives the same ones for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** What is mutated: the records of a checkpoint, in the form that makes its file. */
type Mutation = (records: readonly ZipRecord[], random: Random) => Buffer;

/**
 * By name, so that a failure says which it was. Checksums are made right again where they can be.
 */
export const mutations: Readonly<Record<string, Mutation>> = {
  "bits of the file": (records, random) => flipBits(writeZip(records), random),

  "bits of the directory": (records, random) => {
    const file = writeZip(records);
    const tail = file.subarray(file.length - records.length * 64 - 98);
    flipBits(tail, random);
    return file;
  },

  "end cut off": (records, random) => {
    const file = writeZip(records);
    return file.subarray(0, random.below(file.length));
  },

  "bytes copied over others": (records, random) => copyOver(writeZip(records), random),

  "bits of the pickle": (records, random) =>
    withPickle(records, (pickle) => flipBits(pickle, random)),

  "opcodes of the pickle": (records, random) =>
    withPickle(records, (pickle) => {
      for (let count = 1 + random.below(4); count > 0; count -= 1) {
        pickle[random.below(pickle.length)] = random.pick(opcodeBytes);
      }
      return pickle;
    }),

  "a part of the pickle left out": (records, random) =>
    withPickle(records, (pickle) => {
      const start = random.below(pickle.length);
      return Buffer.concat([
        pickle.subarray(0, start),
        pickle.subarray(start + 1 + random.below(20)),
      ]);
    }),

  "a part of the pickle repeated": (records, random) =>
    withPickle(records, (pickle) => {
      const start = random.below(pickle.length);
      const end = start + 1 + random.below(60);
      return Buffer.concat([pickle.subarray(0, end), pickle.subarray(start)]);
    }),

  "bytes put into the pickle": (records, random) =>
    withPickle(records, (pickle) => {
      const at = random.below(pickle.length);
      const put = Array.from({ length: 1 + random.below(6) }, () => random.pick(opcodeBytes));
      return Buffer.concat([pickle.subarray(0, at), Buffer.from(put), pickle.subarray(at)]);
    }),

  "bytes of the pickle copied over others": (records, random) =>
    withPickle(records, (pickle) => copyOver(pickle, random)),

  "numbers of the pickle": (records, random) =>
    withPickle(records, (pickle) => {
      const places = [...pickle.keys()].filter(
        (at) => pickle[at] === 0x4a && at + 5 < pickle.length,
      );
      pickle.writeInt32LE(random.pick(oddNumbers), random.pick(places) + 1);
      return pickle;
    }),

  "records swapped": (records, random) => {
    const [first, second] = [random.below(records.length), random.below(records.length)];
    return writeZip(
      records.map((record, index) => {
        if (index === first) return { ...record, bytes: records[second]!.bytes };
        return index === second ? { ...record, bytes: records[first]!.bytes } : record;
      }),
    );
  },

  "a record changed": (records, random) => {
    const changed = random.below(records.length);
    const change = random.pick(recordChanges);
    return writeZip(
      records.flatMap((record, index) => (index === changed ? change(record, random) : [record])),
    );
  },
};

/** The same of a file in the form before PyTorch 1.6. */
export const legacyMutations: Readonly<Record<string, (file: Buffer, random: Random) => Buffer>> = {
  "bits of a legacy file": (file, random) => flipBits(Buffer.from(file), random),
  "end of a legacy file cut off": (file, random) => file.subarray(0, random.below(file.length)),
  "bytes of a legacy file copied over others": (file, random) =>
    copyOver(Buffer.from(file), random),
  "opcodes of a legacy file": (file, random) => {
    const changed = Buffer.from(file);
    // The pickles come first.
    const at = random.below(Math.floor(file.length / 2));
    changed[at] = random.pick(opcodeBytes);
    return changed;
  },
};

/** Some opcodes that are allowed, some that are not, and arguments that turn up often. */
const opcodeBytes = [
  ...Buffer.from("(.N\x88\x89JKM\x8aGXU]ae)t\x85\x86\x87}suhjqrcR\x81bQ", "latin1"),
  ...Buffer.from("012ioSIV\x82\x8c\x8f\x90\x92\x93\x94\x95\x96", "latin1"),
  ...[0, 1, 2, 3, 10, 0x7f, 0xff],
];

const oddNumbers = [-1, 0, 1, 2, 7, 255, 65_536, 2 ** 30, 2 ** 31 - 1, -(2 ** 31)];

const recordChanges: readonly ((record: ZipRecord, random: Random) => ZipRecord[])[] = [
  () => [],
  (record) => [record, record],
  (record) => [{ ...record, bytes: Buffer.alloc(0) }],
  (record) => [{ ...record, bytes: Buffer.concat([record.bytes, record.bytes]) }],
  (record) => [{ ...record, name: `${record.name}/../../x` }],
  (record) => [{ ...record, localName: record.name.toUpperCase() }],
  (record) => [{ ...record, method: 8 }],
  (record, random) => [{ ...record, flags: 1 << random.below(16) }],
  (record) => [{ ...record, crc32: 1 }],
  (record, random) => [{ ...record, crc32: 0, bytes: flipBits(Buffer.from(record.bytes), random) }],
  (record, random) => [{ ...record, directory: { start: random.below(10_000) } }],
  (record, random) => [{ ...record, directory: { byteLength: random.below(2 ** 32) } }],
];

function withPickle(records: readonly ZipRecord[], change: (pickle: Buffer) => Buffer): Buffer {
  return writeZip(
    records.map((record) =>
      record.name.endsWith("/data.pkl")
        ? { ...record, bytes: change(Buffer.from(record.bytes)) }
        : record,
    ),
  );
}

function flipBits(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return bytes;
  for (let count = 1 + random.below(8); count > 0; count -= 1) {
    bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  }
  return bytes;
}

function copyOver(bytes: Buffer, random: Random): Buffer {
  const start = random.below(bytes.length);
  bytes.copy(bytes, random.below(bytes.length), start, start + 1 + random.below(200));
  return bytes;
}
