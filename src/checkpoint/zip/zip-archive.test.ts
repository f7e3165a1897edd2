import assert from "node:assert/strict";
import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ErrorCode } from "../../errors.ts";
import { ZipArchive } from "./zip-archive.ts";
import { writeZip, type ZipRecord } from "./zip-writer.fixture.ts";

const record = (name: string, text: string): ZipRecord => ({ name, bytes: Buffer.from(text) });
const records = [record("a/one", "first"), record("a/empty", ""), record("a/two", "second")];

describe("a zip archive", () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-zip-"));
    path = join(folder, "archive");
  });
  after(() => rm(folder, { recursive: true }));

  /** Reads all records, or those of the given names. */
  async function read(
    bytes: Buffer,
    { names, ...options }: { names?: string[]; maxBytes?: number; signal?: AbortSignal } = {},
  ): Promise<Record<string, string>> {
    await writeFile(path, bytes);
    await using file = await open(path);
    const archive = await ZipArchive.open(file, bytes.length);
    const entries = [...archive.entries.values()].filter(
      ({ name }) => names?.includes(name) ?? true,
    );
    const contents = await archive.read(entries, { maxBytes: 1 << 30, ...options });
    return Object.fromEntries(entries.map((entry) => [entry.name, `${contents.get(entry)}`]));
  }

  async function fails(code: ErrorCode, message: RegExp, bytes: Buffer): Promise<void> {
    await assert.rejects(read(bytes), { code, message });
  }

  test("without entries is empty", async () => {
    assert.deepEqual(await read(writeZip([])), {});
  });

  test("gives its records as they were stored", async () => {
    const expected = { "a/one": "first", "a/empty": "", "a/two": "second" };
    assert.deepEqual(await read(writeZip(records)), expected);
  });

  test("reads only what is asked for", async () => {
    const broken = { ...records[0]!, crc32: 1 };
    const bytes = writeZip([broken, ...records.slice(1)]);
    assert.deepEqual(await read(bytes, { names: ["a/two"] }), { "a/two": "second" });
  });

  test("reads records far apart and large ones", async () => {
    const large = "x".repeat(9 << 20);
    const bytes = writeZip([...records, record("a/large", large), record("a/last", "end")]);
    const contents = await read(bytes, { names: ["a/one", "a/large", "a/last"] });
    assert.deepEqual(Object.keys(contents), ["a/one", "a/large", "a/last"]);
    assert.equal(contents["a/large"], large);
    assert.equal(contents["a/last"], "end");
  });

  test("takes a checksum of 0 for none, as PyTorch writes it when told to", async () => {
    assert.equal((await read(writeZip([{ ...records[0]!, crc32: 0 }])))["a/one"], "first");
  });

  test("without zip64's end records is read too", async () => {
    const bytes = writeZip(records);
    const without = Buffer.concat([bytes.subarray(0, -98), bytes.subarray(-22)]);
    assert.equal((await read(without))["a/one"], "first");
  });

  test("of more than the limit is refused before it is read", async () => {
    const reading = read(writeZip(records), { maxBytes: 100 });
    await assert.rejects(reading, { code: "CHECKPOINT_TOO_LARGE", message: /limit is 100/ });
  });

  test("stops with the signal's reason", async () => {
    const reason = new Error("enough");
    await assert.rejects(read(writeZip(records), { signal: AbortSignal.abort(reason) }), reason);
  });

  test("that shrinks after it was opened is damaged", async () => {
    const bytes = writeZip(records);
    await writeFile(path, bytes);
    await using file = await open(path);
    const archive = await ZipArchive.open(file, bytes.length);
    await truncate(path, 10);
    const reading = archive.read(archive.entries.values(), { maxBytes: 1 << 20 });
    await assert.rejects(reading, { code: "CHECKPOINT_UNREADABLE", message: /ended/ });
  });

  const first = records[0]!;
  const damagedArchives: readonly (readonly [string, ErrorCode, RegExp, () => Buffer])[] = [
    ["cut off", "CHECKPOINT_UNREADABLE", /does not end/, () => writeZip(records).subarray(0, -30)],
    [
      "with a byte after its end",
      "CHECKPOINT_UNREADABLE",
      /does not end/,
      () => Buffer.concat([writeZip(records), Buffer.alloc(1)]),
    ],
    [
      "with a byte before its start",
      "CHECKPOINT_UNREADABLE",
      /disagree|not where/,
      () => Buffer.concat([Buffer.alloc(1), writeZip(records)]),
    ],
    [
      "whose end records disagree",
      "CHECKPOINT_UNREADABLE",
      /disagree/,
      () => withByte(writeZip(records), -98 + 32, 7),
    ],
    [
      "with another checksum",
      "CHECKPOINT_UNREADABLE",
      /`a\/one`.*checksum/,
      () => writeZip([{ ...first, crc32: 1 }]),
    ],
    [
      "with another name before the data",
      "CHECKPOINT_UNREADABLE",
      /`a\/one` is not where/,
      () => writeZip([{ ...first, localName: "a/two" }]),
    ],
    [
      "whose entries share bytes",
      "CHECKPOINT_UNREADABLE",
      /`a\/one`.*overlaps/,
      () => writeZip([{ ...first, directory: { byteLength: 100_000 } }, ...records.slice(1)]),
    ],
    [
      "whose entry runs into the next by its padding",
      "CHECKPOINT_UNREADABLE",
      /`a\/one`.*overlaps/,
      () => writeZip([{ ...first, directory: { byteLength: 60 } }, ...records.slice(1)]),
    ],
    [
      "with a compressed entry",
      "CHECKPOINT_REFUSED",
      /`a\/one`.*method 8/,
      () => writeZip([{ ...first, method: 8 }]),
    ],
    [
      "with an encrypted entry",
      "CHECKPOINT_REFUSED",
      /`a\/one`.*encrypted/,
      () => writeZip([{ ...first, flags: 0x0809 }]),
    ],
    [
      "with a flag that PyTorch does not set",
      "CHECKPOINT_REFUSED",
      /`a\/one`.*0x20/,
      () => writeZip([{ ...first, flags: 0x20 }]),
    ],
    [
      "with one name twice",
      "CHECKPOINT_REFUSED",
      /two entries `a\/one`/,
      () => writeZip([first, first]),
    ],
  ];
  for (const [name, code, message, bytes] of damagedArchives) {
    test(`${name} gives ${code}`, () => fails(code, message, bytes()));
  }

  test("names entries in messages without what a terminal would act on", async () => {
    const name = "a/\u001b[31mred";
    await fails(
      "CHECKPOINT_REFUSED",
      /`a\/\\u001b\[31mred`/,
      writeZip([{ ...record(name, "x"), method: 8 }]),
    );
  });
});

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  bytes[bytes.length + at] = value;
  return bytes;
}
