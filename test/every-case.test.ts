/**
 * A folder of every kind of file that was met in the field: each is counted right, fails with a
 * reason that names the cause, or is left out and counted.
 */
import assert from "node:assert/strict";
import { copyFile, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import sharp from "sharp";
import { colourCases, unusablePhotos } from "../src/vision/photo/colours.fixture.ts";
import { CliFolder, examplePhotos, jsonLines } from "./cli.fixture.ts";

const original = join(examplePhotos, "tray-3.jpg");

/** Encodings that keep every pixel, so that every count is that of the original. */
const lossless: Readonly<Record<string, () => Promise<Buffer>>> = {
  "a copy.JPG": () => readFile(original),
  "ünïcödé 田.png": () => sharp(original).png({ compressionLevel: 1 }).toBuffer(),
  "a PNG called.jpg": () => sharp(original).png({ compressionLevel: 2 }).toBuffer(),
  "lossless.webp": () => sharp(original).webp({ lossless: true, effort: 0 }).toBuffer(),
  "strips.tif": () => sharp(original).tiff({ compression: "lzw" }).toBuffer(),
  "tiles.tiff": () => sharp(original).tiff({ compression: "deflate", tile: true }).toBuffer(),
  "opaque.png": () => sharp(original).ensureAlpha().png({ compressionLevel: 1 }).toBuffer(),
  "16 bits.png": () =>
    sharp(original).toColourspace("rgb16").png({ compressionLevel: 1 }).toBuffer(),
  "turned.png": () =>
    sharp(original)
      .rotate(270)
      .withMetadata({ orientation: 6 })
      .png({ compressionLevel: 1 })
      .toBuffer(),
  "two pictures.mpo": async () =>
    Buffer.concat([await readFile(original), await readFile(original)]),
  "scan.bmp": () => toBmp(original),
};

/** Files that fail, and what their reasons say. */
const failing: Readonly<
  Record<string, readonly [content: () => Promise<Buffer> | Buffer, RegExp]>
> = {
  "without its last bytes.jpg": [async () => (await readFile(original)).subarray(0, -2), /cut off/],
  "half.jpg": [async () => (await readFile(original)).subarray(0, 20_000), /cut off/],
  "empty.jpg": [() => Buffer.alloc(0), /it is empty/],
  "sign in.jpg": [() => Buffer.from("<!DOCTYPE html><title>Sign in</title>"), /HTML or XML page/],
  "pointer.jpg": [
    () => Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
    /Git LFS pointer/,
  ],
  "document.jpg": [() => Buffer.from("%PDF-1.7"), /PDF document/],
  "film.jpg": [() => Buffer.from("\0\0\0\x18ftypisom"), /a video/],
  "moving.gif": [() => sharp(original).resize(32).gif().toBuffer(), /GIF/],
  "raw.cr2": [() => Buffer.from("II*\0"), /./],
  ...Object.fromEntries(
    Array.from(unusablePhotos, ([name, bytes]) => [
      `${name}.tif`,
      [() => Buffer.from(bytes), /bands|samples are|colours are/] as const,
    ]),
  ),
};

const leftOut = ["notes.txt", "photo.xmp", "Thumbs.db", "clip.mp4", ".hidden.jpg", "._a copy.JPG"];
const thumbnails = [
  "@eaDir/a copy.JPG/SYNOPHOTO_THUMB_M.jpg",
  "__MACOSX/a.jpg",
  ".thumbnails/a.jpg",
];

test("each file is done with the right count, failed with its reason, or left out", async () => {
  await using folder = await CliFolder.create();
  const write = async (name: string, content: Uint8Array | string) => {
    const path = join(folder.path, "photos", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  for (const [name, encode] of Object.entries(lossless)) await write(name, await encode());
  for (const [name, [content]] of Object.entries(failing)) await write(name, await content());
  for (const { name, bytes } of colourCases) await write(`${name}.jpg`, bytes);
  for (const name of leftOut) await write(name, "x");
  for (const name of thumbnails) await write(name, await readFile(original));
  // 12 bits in 16: nearly black, and counted all the same.
  const dark = await sharp(original)
    .resize(64)
    .greyscale()
    .linear(1 / 16, 0)
    .png()
    .toBuffer();
  await write("dark.png", dark);
  await symlink("../elsewhere/gone.jpg", join(folder.path, "photos/gone.jpg"));
  await mkdir(join(folder.path, "elsewhere"));
  await copyFile(original, join(folder.path, "elsewhere/linked.jpg"));
  await symlink("../elsewhere/linked.jpg", join(folder.path, "photos/linked.jpg"));

  const args = ["run", "photos", "--detect", "sample:seedlings", "--json"];
  const { status, stdout, stderr } = await folder.run(...args);
  assert.equal(status, 3, stderr);
  const lines = jsonLines(stdout) as Record<string, unknown>[];
  const byName = new Map(lines.map((line) => [String(line.image).split("/").at(-1), line]));

  const count = byName.get("a copy.JPG")?.detections;
  assert.ok(typeof count === "number" && Math.abs(count - 208) < 5, `${count} seedlings`);
  for (const name of [...Object.keys(lossless), "linked.jpg"]) {
    assert.equal(byName.get(name)?.detections, count, name);
  }
  for (const [name, [, reason]] of Object.entries(failing)) {
    assert.match(String(byName.get(name)?.message), reason, name);
  }
  assert.match(String(byName.get("gone.jpg")?.message), /gone\.jpg, which is not there/);
  for (const { name } of colourCases) assert.equal(byName.get(`${name}.jpg`)?.type, "photo", name);
  assert.deepEqual(byName.get("dark.png")?.warnings, ["nearly-black", "no-contrast"]);

  const { photos, done, failed, leftOut: others, warnings } = lines.at(-1)!;
  const expected = {
    done: Object.keys(lossless).length + colourCases.length + 2,
    failed: Object.keys(failing).length + 1,
  };
  assert.deepEqual({ done, failed }, expected);
  assert.equal(photos, expected.done + expected.failed);
  assert.deepEqual(others, {
    files: leftOut.length,
    byExtension: { hidden: 2, ".db": 1, ".mp4": 1, ".txt": 1, ".xmp": 1 },
    folders: { ".thumbnails": 1, "@eaDir": 1, __MACOSX: 1 },
  });
  assert.equal((warnings as Record<string, number>)["nearly-black"], 1);
});

/** An uncompressed BMP of 24 bits a pixel. */
async function toBmp(file: string): Promise<Buffer> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const rowBytes = Math.ceil((3 * width) / 4) * 4;
  const bmp = Buffer.alloc(54 + rowBytes * height);
  bmp.write("BM");
  bmp.writeUInt32LE(bmp.length, 2);
  bmp.writeUInt32LE(54, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(width, 18);
  bmp.writeInt32LE(height, 22);
  bmp.writeUInt16LE(1, 26);
  bmp.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) {
    // Rows from bottom to top, blue first.
    const row = 54 + (height - 1 - y) * rowBytes;
    for (let x = 0; x < width; x++) {
      const pixel = 3 * (y * width + x);
      for (let c = 0; c < 3; c++) bmp[row + 3 * x + c] = data[pixel + 2 - c]!;
    }
  }
  return bmp;
}
