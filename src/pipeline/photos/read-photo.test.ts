import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdtempDisposable, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { readPhoto } from "./read-photo.ts";

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-read-"));

for (const length of [0, 1, 1 << 20, 3_000_000]) {
  test(`a file of ${length} bytes is read and hashed`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.jpg");
    const written = Uint8Array.from({ length }, (_, i) => (i * 31) >> 3);
    await writeFile(path, written);
    const { bytes, content } = await readPhoto(path);
    assert.deepEqual(Buffer.compare(bytes, written), 0);
    const { mtimeNs } = await stat(path, { bigint: true });
    const expected = {
      sha256: hash("sha256", written),
      sizeBytes: length,
      mtimeUs: Number(mtimeNs / 1000n),
    };
    assert.deepEqual(content, expected);
  });
}

test("a missing file and a folder are photos that cannot be opened", async () => {
  await using folder = await temporaryFolder();
  for (const path of [join(folder.path, "a.jpg"), folder.path]) {
    await assert.rejects(readPhoto(path), (error) => {
      assert.ok(isOrangeryError(error, "PHOTO_NOT_FOUND"));
      assert.match(error.message, /ENOENT|EISDIR/);
      return true;
    });
  }
});

test("a file above the limit is refused before it is read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.jpg");
  await writeFile(path, "12345");
  await assert.rejects(readPhoto(path, { maxBytes: 4 }), (error) => {
    assert.ok(isOrangeryError(error, "PHOTO_TOO_LARGE"));
    assert.match(error.message, /at most 4 bytes, got 5/);
    return true;
  });
});

test("an aborted reading rejects with the reason", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.jpg");
  await writeFile(path, "12345");
  const reason = new Error("enough");
  await assert.rejects(readPhoto(path, { signal: AbortSignal.abort(reason) }), reason);
});
