import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { open, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { ModelFolder } from "../yolo/tiny-yolo.fixture.ts";
import { forgetOldHashes, hashFile, keepHash } from "./file-hash.ts";

let folder: ModelFolder;
let cacheBefore: string | undefined;
beforeEach(async () => {
  folder = await ModelFolder.create();
  cacheBefore = process.env.ORANGERY_CACHE;
  process.env.ORANGERY_CACHE = folder.file("cache");
});
afterEach(async () => {
  delete process.env.ORANGERY_CACHE;
  if (cacheBefore !== undefined) process.env.ORANGERY_CACHE = cacheBefore;
  await folder[Symbol.asyncDispose]();
});

const large = Buffer.alloc(5 * 1024 * 1024 + 3, "contents");
const notes = async () => await readdir(folder.file("cache/hashes")).catch(() => []);

describe("the hash of a file", () => {
  for (const size of [0, 1, 1 << 20, (1 << 20) + 1, large.length]) {
    test(`is right for ${size} bytes`, async () => {
      const path = await folder.write(`${size}.bin`, large.subarray(0, size));
      const sha256 = hash("sha256", large.subarray(0, size));
      assert.deepEqual(await hashFile(path), { bytes: size, sha256 });
    });
  }

  test("is kept only of large files, and of none that has just changed", async () => {
    await hashFile(await folder.write("small.bin", "small"));
    await hashFile(await folder.write("large.bin", large));
    assert.deepEqual(await notes(), []);
  });

  test("that is kept is used while the file's stamp is the same", async () => {
    const path = await folder.write("kept.bin", large);
    // Nobody would keep a wrong one; this one shows that the file was not read.
    const kept = "0123456789abcdef".repeat(4);
    await keepHash(path, kept);
    assert.equal((await hashFile(path)).sha256, kept);
  });

  test("that is kept is not used for other contents of the same size and time", async () => {
    const path = await folder.write("changed.bin", large);
    const { atime, mtime } = await stat(path);
    await keepHash(path, "0".repeat(64));
    {
      await using file = await open(path, "r+");
      await file.write("C", 0);
    }
    await utimes(path, atime, mtime);
    const { sha256 } = await hashFile(path);
    assert.equal(sha256, hash("sha256", await readFile(path)));
  });

  test("is computed again where what is kept is broken, or cannot be kept", async () => {
    const path = await folder.write("broken.bin", large);
    await keepHash(path, "0".repeat(64));
    const [note] = await notes();
    await writeFile(join(folder.file("cache/hashes"), note!), "{");
    assert.equal((await hashFile(path)).sha256, hash("sha256", large));
    process.env.ORANGERY_CACHE = join(await folder.write("a file", ""), "cache");
    const other = await folder.write("other.bin", large);
    assert.equal((await hashFile(other)).sha256, hash("sha256", large));
  });

  test("that was kept long ago is forgotten, and no other", async () => {
    await keepHash(await folder.write("old.bin", large), "0".repeat(64));
    const [old] = await notes();
    const longAgo = new Date(Date.now() - 100 * 24 * 3_600_000);
    await utimes(join(folder.file("cache/hashes"), old!), longAgo, longAgo);
    await keepHash(await folder.write("new.bin", large), "0".repeat(64));
    await forgetOldHashes();
    const left = await notes();
    assert.equal(left.length, 1);
    assert.notEqual(left[0], old);
  });

  test("fails for what is no file, and is asked for again when there is one", async () => {
    const path = folder.file("later.bin");
    await assert.rejects(hashFile(folder.path), /it is not a file/);
    await assert.rejects(hashFile(path), { code: "ENOENT" });
    await writeFile(path, "later");
    assert.equal((await hashFile(path)).sha256, hash("sha256", "later"));
    await rm(path);
    await assert.rejects(hashFile(path), { code: "ENOENT" });
  });
});
