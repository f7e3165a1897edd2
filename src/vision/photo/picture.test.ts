import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { isOrangeryError } from "../../errors.ts";
import {
  assertPicture,
  decodePicture,
  hasPictureExtension,
  type Picture,
  pictureExtensions,
} from "./picture.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-picture-"));
});
after(() => rm(folder, { recursive: true }));

const widthPx = 12;
const heightPx = 8;
/** A gradient whose pixels all differ. */
const rgb = Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, i) => {
  const pixel = Math.floor(i / 3);
  return [pixel % widthPx, Math.floor(pixel / widthPx), pixel][i % 3]! * [20, 30, 2][i % 3]!;
});
const raw = { width: widthPx, height: heightPx, channels: 3 as const };
const image = () => sharp(rgb, { raw });

test("lossless formats come back byte for byte, from bytes, a path and a URL", async () => {
  for (const [name, bytes] of [
    ["png", await image().png().toBuffer()],
    ["webp", await image().webp({ lossless: true }).toBuffer()],
    ["tiff", await image().tiff({ compression: "lzw" }).toBuffer()],
  ] as const) {
    const path = join(folder, `photo.${name}`);
    await writeFile(path, bytes);
    for (const source of [bytes, new Uint8Array(bytes), path, pathToFileURL(path)]) {
      const picture = await decodePicture(source);
      assert.deepEqual([picture.widthPx, picture.heightPx], [widthPx, heightPx]);
      assert.deepEqual(picture.data, rgb, name);
    }
  }
});

test("lossy formats come back close to what was put in", async () => {
  for (const bytes of [
    await image().jpeg({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer(),
    await image().avif({ quality: 100, chromaSubsampling: "4:4:4" }).toBuffer(),
  ]) {
    const { data } = await decodePicture(bytes);
    assert.equal(data.length, rgb.length);
    const furthest = Math.max(...data.map((value, i) => Math.abs(value - rgb[i]!)));
    assert.ok(furthest <= 8, `${furthest}`);
  }
});

test("grey, palette, alpha and 16-bit pictures become 8-bit RGB", async () => {
  const grey = Uint8Array.from({ length: widthPx * heightPx }, (_, i) => 2 * i);
  const tripled = Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.floor(i / 3)]!);
  const greyRaw = { width: widthPx, height: heightPx, channels: 1 as const };
  const deep = Uint16Array.from(rgb, (value) => value * 256 + 200);
  const withAlpha = Uint8Array.from({ length: (4 * rgb.length) / 3 }, (_, i) =>
    i % 4 === 3 ? i % 256 : rgb[3 * Math.floor(i / 4) + (i % 4)]!,
  );
  for (const [name, bytes, expected] of [
    ["grey", await sharp(grey, { raw: greyRaw }).toColourspace("b-w").png().toBuffer(), tripled],
    ["palette", await image().png({ palette: true, colours: 256 }).toBuffer(), rgb],
    [
      "alpha",
      await sharp(withAlpha, { raw: { ...raw, channels: 4 } })
        .png()
        .toBuffer(),
      rgb,
    ],
    ["16 bit", await sharp(deep, { raw }).toColourspace("rgb16").png().toBuffer(), rgb],
  ] as const) {
    const { data } = await decodePicture(bytes);
    assert.deepEqual(data, expected, name);
  }
});

test("a CMYK JPEG becomes RGB", async () => {
  const bytes = await image().toColourspace("cmyk").jpeg().toBuffer();
  assert.equal((await sharp(bytes).metadata()).space, "cmyk");
  assert.equal((await decodePicture(bytes)).data.length, rgb.length);
});

test("an embedded colour profile changes no pixel", async () => {
  const plain = await image().jpeg().toBuffer();
  const tagged = await image().withIccProfile("p3", { attach: true }).png().toBuffer();
  assert.ok((await sharp(tagged).metadata()).icc);
  const stored = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
  assert.deepEqual((await decodePicture(tagged)).data, new Uint8Array(stored));
  const { data } = await decodePicture(plain);
  assert.deepEqual(data, new Uint8Array(await sharp(plain).raw().toBuffer()));
});

test("each EXIF orientation is applied", async () => {
  // Where the pixel that is shown at (x, y) is stored, for a shown picture of w × h.
  const storedAt: Record<number, (x: number, y: number, w: number, h: number) => [number, number]> =
    {
      1: (x, y) => [x, y],
      2: (x, y, w) => [w - 1 - x, y],
      3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
      4: (x, y, _, h) => [x, h - 1 - y],
      5: (x, y) => [y, x],
      6: (x, y, w) => [y, w - 1 - x],
      7: (x, y, w, h) => [h - 1 - y, w - 1 - x],
      8: (x, y, _, h) => [h - 1 - y, x],
    };
  for (const [orientation, find] of Object.entries(storedAt)) {
    const bytes = await image()
      .withMetadata({ orientation: Number(orientation) })
      .png()
      .toBuffer();
    const { data, widthPx: w, heightPx: h } = await decodePicture(bytes);
    const swapped = Number(orientation) > 4;
    assert.deepEqual([w, h], swapped ? [heightPx, widthPx] : [widthPx, heightPx], orientation);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const [sx, sy] = find(x, y, w, h);
        const at = 3 * (sy * widthPx + sx);
        const shown = data.subarray(3 * (y * w + x), 3 * (y * w + x) + 3);
        assert.deepEqual(shown, rgb.subarray(at, at + 3), `${orientation}: ${x}, ${y}`);
      }
    }
  }
});

test("what cannot be opened is not found", async () => {
  for (const source of [
    join(folder, "missing.jpg"),
    folder,
    pathToFileURL(join(folder, "no", "photo.png")),
    new URL("https://example.com/photo.jpg"),
  ]) {
    await assert.rejects(decodePicture(source), (error) => {
      assert.ok(isOrangeryError(error, "PHOTO_NOT_FOUND"), String(error));
      assert.ok(error.message.includes(String(source)));
      assert.ok(error.cause);
      return true;
    });
  }
});

test("what is not a whole photo is unreadable", async () => {
  const noise = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 251);
  const big = () => sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
  const jpeg = await big().jpeg().toBuffer();
  const progressive = await big().jpeg({ progressive: true }).toBuffer();
  const png = await big().png().toBuffer();
  const webp = await big().webp().toBuffer();
  for (const [name, bytes] of [
    ["empty", new Uint8Array(0)],
    ["text", new TextEncoder().encode("not a photo")],
    ["a JPEG's first bytes", jpeg.subarray(0, 20)],
    ["half a JPEG", jpeg.subarray(0, jpeg.length / 2)],
    ["half a progressive JPEG", progressive.subarray(0, progressive.length / 2)],
    ["half a PNG", png.subarray(0, png.length / 2)],
    ["half a WebP", webp.subarray(0, webp.length / 2)],
    ["a GIF", await image().gif().toBuffer()],
    [
      "an SVG",
      new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
  ] as const) {
    await assert.rejects(decodePicture(bytes), (error) => {
      assert.ok(isOrangeryError(error, "PHOTO_UNREADABLE"), `${name}: ${error}`);
      return true;
    });
  }
  const path = join(folder, "damaged.jpg");
  await writeFile(path, jpeg.subarray(0, 400));
  await assert.rejects(decodePicture(path), { code: "PHOTO_UNREADABLE", message: /damaged\.jpg/ });
});

test("stray bytes between a JPEG's parts are no damage", async () => {
  const jpeg = await image().jpeg().toBuffer();
  const stray = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0, 0, 0]), jpeg.subarray(2)]);
  assert.deepEqual((await decodePicture(stray)).data, (await decodePicture(jpeg)).data);
});

test("a photo above the limit is refused by its header", async () => {
  const bytes = await image().png().toBuffer();
  await assert.rejects(decodePicture(bytes, { maxPixels: 95 }), {
    code: "PHOTO_TOO_LARGE",
    message: /at most 95 pixels, got 12×8 = 96/,
    details: { photo: `${bytes.length} bytes`, expected: 95, came: 96, width: 12, height: 8 },
  });
  await decodePicture(bytes, { maxPixels: 96 });

  // A header that promises 50,000 × 40,000 pixels, without any.
  const header = Buffer.from("....IHDR....    .....", "latin1");
  header.writeUInt32BE(13, 0);
  header.writeUInt32BE(50_000, 8);
  header.writeUInt32BE(40_000, 12);
  header.set([8, 2, 0, 0, 0], 16);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(header.subarray(4)));
  const signature = bytes.subarray(0, 8);
  const rest = bytes.subarray(8 + header.length + 4);
  await assert.rejects(decodePicture(Buffer.concat([signature, header, checksum, rest])), {
    code: "PHOTO_TOO_LARGE",
    message: /at most 268000000 pixels, got 50000×40000/,
  });
});

test("an aborted signal ends the wait with its reason", async () => {
  const bytes = await image().png().toBuffer();
  const reason = new Error("enough");
  await assert.rejects(decodePicture(bytes, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const decoding = decodePicture(bytes, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(decoding, reason);
  const path = join(folder, "aborted.png");
  await writeFile(path, bytes);
  const late = new AbortController();
  const reading = decodePicture(path, { signal: late.signal });
  late.abort(reason);
  await assert.rejects(reading, reason);
});

test("raw input is checked once, with what was expected and what came", () => {
  assertPicture({ data: rgb, widthPx, heightPx });
  for (const wrong of [
    { data: new Uint8Array(0), widthPx: 0, heightPx: 0 },
    { data: rgb, widthPx, heightPx: heightPx + 1 },
    { data: rgb, widthPx: 1.5, heightPx: 64 },
    { data: Array.from(rgb), widthPx, heightPx },
    { widthPx, heightPx },
  ]) {
    assert.throws(() => assertPicture(wrong as unknown as Picture), { code: "INVALID_ARGUMENT" });
  }
});

test("photos are told by their extension, in any case", () => {
  for (const extension of pictureExtensions) {
    assert.ok(hasPictureExtension(`/a.b/PHOTO${extension.toUpperCase()}`), extension);
  }
  for (const path of ["", "jpg", "/photos.jpg/readme", "a.gif", "a.jpg.txt"]) {
    assert.ok(!hasPictureExtension(path), path);
  }
});
