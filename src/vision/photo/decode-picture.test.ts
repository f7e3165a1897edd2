import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { isOrangeryError } from "../../errors.ts";
import { colourCases, unusablePhotos } from "./colours.fixture.ts";
import {
  type DecodeOptions,
  decodePicture,
  type EncodedPhoto,
  hasPictureExtension,
  pictureExtensions,
  undecodable,
} from "./decode-picture.ts";
import { openPhoto } from "./open-photo.ts";
import { assertPicture, type Picture } from "./picture.ts";
import { pngChunks } from "./samples/png-chunks.ts";

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

/** A TIFF of two pixels. Its bands' most significant bytes are 10 to 80, and 11 to 81. */
function eightBands(bits: 8 | 16 | 32, photometric: "grey" | "RGB"): Uint8Array {
  const bytes = bits / 8;
  const fields = [
    [256, 2], // width
    [257, 1], // height
    [258, bits, bits, bits, bits, bits, bits, bits, bits],
    [259, 1], // no compression
    [262, photometric === "grey" ? 1 : 2],
    [273, 8], // where the samples are
    [277, 8], // bands
    [278, 1], // rows of the strip
    [279, 16 * bytes],
    [338, ...Array<number>(photometric === "grey" ? 7 : 5).fill(0)],
  ] as const;
  const directory = 8 + 16 * bytes;
  const rest = directory + 6 + 12 * fields.length;
  const tiff = Buffer.alloc(rest + 40);
  tiff.write("II*\0", "latin1");
  tiff.writeUInt32LE(directory, 4);
  for (let i = 0; i < 16; i++) {
    tiff[8 + i * bytes + bytes - 1] = 10 * (1 + (i % 8)) + (i >> 3);
  }
  tiff.writeUInt16LE(fields.length, directory);
  let end = rest;
  for (const [i, [tag, ...values]] of fields.entries()) {
    const at = directory + 2 + 12 * i;
    tiff.writeUInt16LE(tag, at);
    tiff.writeUInt16LE(3, at + 2);
    tiff.writeUInt32LE(values.length, at + 4);
    const isInline = values.length <= 2;
    if (!isInline) tiff.writeUInt32LE(end, at + 8);
    for (const [k, value] of values.entries()) {
      tiff.writeUInt16LE(value, (isInline ? at + 8 : end) + 2 * k);
    }
    if (!isInline) end += 2 * values.length;
  }
  return tiff;
}

describe("unusual colours", () => {
  for (const { name, bytes, rgb, grey } of colourCases) {
    test(`${name}: the pixels of OpenCV`, async () => {
      const picture = await decodePicture(bytes, { withGrey: true });
      assert.deepEqual(picture.data, rgb);
      assert.deepEqual(picture.grey, grey);
    });
  }

  const reasons: Readonly<Record<string, RegExp>> = {
    "five grey bands": /it has 5 bands, of which 1 would be grey.*--bands 3,2,1/,
    "RGB and two more bands": /it has 5 bands, of which 3 would be RGB.*--bands/,
    "three grey bands": /it has 3 bands, of which 1 would be grey.*--bands/,
    float32: /its samples are floating point of 32 bits.*--value-range/,
    float64: /floating point of 64 bits.*--value-range/,
    float16: /floating point of 16 bits.*--value-range/,
    int16: /signed integers of 16 bits.*--value-range/,
    int8: /signed integers of 8 bits.*--value-range/,
    uint32: /unsigned integers of 32 bits.*--value-range/,
    CIELAB: /its colours are CIELAB. Convert it to RGB/,
    "CIELAB of 16 bits": /its colours are CIELAB/,
    "ICC LAB": /its colours are ICC LAB/,
    "YCbCr without JPEG": /its colours are YCbCr/,
    "a mosaic": /its colours are a raw sensor mosaic/,
  };
  for (const [name, bytes] of unusablePhotos) {
    test(`${name}: refused by name`, async () => {
      await assert.rejects(decodePicture(bytes), (error) => {
        assert.ok(isOrangeryError(error, "PHOTO_UNREADABLE"));
        assert.match(error.message, reasons[name]!);
        return true;
      });
    });
  }

  test("bands that are chosen become red, green and blue, or grey", async () => {
    const five = unusablePhotos.get("five grey bands")!;
    const { data: rgb } = await decodePicture(five, { bands: [1, 2, 3] });
    const { data: turned } = await decodePicture(five, { bands: [3, 2, 1] });
    const { data: grey } = await decodePicture(five, { bands: [5] });
    for (let i = 0; i < rgb.length; i += 3) {
      assert.deepEqual([...turned.subarray(i, i + 3)], [...rgb.subarray(i, i + 3)].reverse());
      // The fifth band was written as a copy of the first.
      assert.deepEqual([...grey.subarray(i, i + 3)], Array(3).fill(rgb[i]));
    }
    await assert.rejects(decodePicture(five, { bands: [6] }), /it has 5 bands, and band 6 was/);
  });

  for (const photometric of ["grey", "RGB"] as const) {
    for (const bits of [8, 16, 32] as const) {
      test(`any of eight bands of ${bits} bits, declared as ${photometric}`, async () => {
        const tiff = eightBands(bits, photometric);
        if (bits === 32) {
          const refusal = /only the first 5 can be read: their samples are of the type uint/;
          const options = { bands: [8, 1, 6], valueRange: [0, 255] } as const;
          return await assert.rejects(decodePicture(tiff, options), refusal);
        }
        const { data } = await decodePicture(tiff, { bands: [8, 1, 6] });
        assert.deepEqual([...data], [80, 10, 60, 81, 11, 61]);
        const { data: grey } = await decodePicture(tiff, { bands: [7] });
        assert.deepEqual([...grey], [70, 70, 70, 71, 71, 71]);
      });
    }
  }

  test("a range of values is spread over 0 to 255, and what is outside is clamped", async () => {
    const values = Uint16Array.of(0, 99, 100, 2100, 4095, 4100, 65_535, 2108);
    const raw = { width: 8, height: 1, channels: 1 as const };
    const bytes = await sharp(values, { raw }).toColourspace("grey16").png().toBuffer();
    const levels = async (valueRange: readonly [number, number]) =>
      (await decodePicture(bytes, { valueRange })).data.filter((_, i) => i % 3 === 0);
    assert.deepEqual([...(await levels([100, 4100]))], [0, 0, 0, 128, 255, 255, 255, 128]);
    // The other way round: a negative.
    assert.deepEqual([...(await levels([4100, 100]))], [255, 255, 255, 128, 0, 0, 0, 127]);
    const float = unusablePhotos.get("float32")!;
    const { data } = await decodePicture(float, { valueRange: [0, 1] });
    const { data: bands } = await decodePicture(unusablePhotos.get("five grey bands")!, {
      bands: [1, 2, 3],
    });
    assert.deepEqual(data, bands, "the same numbers, divided by 255");
  });

  for (const options of [
    { bands: [] },
    { bands: [1, 2] },
    { bands: [0] },
    { bands: [1.5] },
    { valueRange: [1] },
    { valueRange: [5, 5] },
    { valueRange: [0, Number.NaN] },
    { maxPixels: Number.NaN },
    { maxPixels: "5" },
    { signal: null },
  ]) {
    test(`${JSON.stringify(options)} is refused`, async () => {
      const wrong = options as unknown as DecodeOptions;
      await assert.rejects(decodePicture(await image().png().toBuffer(), wrong), {
        code: "INVALID_ARGUMENT",
      });
    });
  }
});

describe("what is no photo is named", () => {
  const cases: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ["a page", "<!DOCTYPE html><title>Sign in</title>", /it is an HTML or XML page/],
    ["JSON", '{"error":"not found"}', /it is JSON text/],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", /a Git LFS pointer/],
    ["a PDF", "%PDF-1.7 and more", /it is a PDF document/],
    ["a video", "\0\0\0\x18ftypisom and more", /it is a video/],
    ["an animation", "\0\0\0\x1cftypavis and more", /it is an animation in AVIF/],
    ["JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n and more", /it is a JPEG 2000 picture/],
    ["a PNG of no width", `\x89PNG\r\n\x1a\n${"\0".repeat(40)}`, /a PNG picture with a damaged/],
    ["nothing", "", /it is empty/],
    ["zeros", new Uint8Array(4000), /4000 bytes that begin with 00 00/],
  ];
  for (const [name, content, reason] of cases) {
    test(name, async () => {
      const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
      await assert.rejects(decodePicture(bytes), (error) => {
        assert.ok(isOrangeryError(error, "PHOTO_UNREADABLE"));
        assert.match(error.message, reason);
        return true;
      });
    });
  }

  test("a photo without its end is cut off, also where the decoder gives no reason", () => {
    const jpeg = Uint8Array.of(0xff, 0xd8, ...Array(2000).fill(7), 0xff, 0xd9);
    const png = Buffer.from(`\x89PNG${"x".repeat(2000)}IEND\xae\x42\x60\x82`, "latin1");
    const reasonOf = (bytes: Uint8Array, message: string) =>
      undecodable({ label: "it", bytes } as EncodedPhoto, new Error(message)).details.reason;
    for (const bytes of [jpeg, png]) {
      assert.equal(reasonOf(bytes, "Unknown error"), "Unknown error");
      assert.equal(reasonOf(bytes.subarray(0, -8), "Unknown error"), "it is cut off");
      assert.equal(reasonOf(bytes.subarray(0, -8), "bad data"), "bad data");
    }
  });

  test("a JPEG without its last two bytes is cut off", async () => {
    const bytes = await image().jpeg().toBuffer();
    await assert.rejects(decodePicture(bytes.subarray(0, -2)), /it is cut off \(.*premature end/);
  });
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

test("the EXIF orientation of a PNG counts where it follows the pixels, too", async () => {
  const png = await image().withMetadata({ orientation: 6 }).png().toBuffer();
  const chunks = [...pngChunks(png)];
  const bytesOf = (types: readonly string[]) =>
    chunks.filter(({ type }) => types.includes(type)).map((c) => png.subarray(c.start, c.end));
  const order = [["IHDR"], ["IDAT"], ["eXIf"], ["IEND"]].flatMap(bytesOf);
  const late = Buffer.concat([png.subarray(0, 8), ...order]);
  assert.equal((await sharp(late).metadata()).orientation, undefined, "libvips overlooks it");
  assert.deepEqual(await decodePicture(late), await decodePicture(png));
  await using photo = await openPhoto(late, { pixelsInMemory: 1 });
  assert.equal(photo.pixels.widthPx, heightPx);
});

test("bytes that fill a JPEG up before a marker change no grey", async () => {
  const { bytes, grey } = colourCases.find(({ name }) => name === "JPEG of pure colours")!;
  const filled = Buffer.concat([bytes.subarray(0, 2), Buffer.of(0xff, 0xff), bytes.subarray(2)]);
  assert.deepEqual((await decodePicture(filled, { withGrey: true })).grey, grey);
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

test("what is no path is named in a line, with what to do", async () => {
  const notFound = (message: RegExp) => ({ code: "PHOTO_NOT_FOUND", message });
  await assert.rejects(decodePicture("file:///a.jpg"), notFound(/a file: URL as `new URL\(…\)`/));
  await assert.rejects(decodePicture("A".repeat(1e6)), notFound(/^.{1,300}$/));
  for (const source of [null, 5, await decodePicture(await image().png().toBuffer())]) {
    await assert.rejects(decodePicture(source as unknown as string), { code: "INVALID_ARGUMENT" });
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

test("files that fail at the same time each have a reason", async () => {
  const gif = new TextEncoder().encode("GIF89a");
  for (let round = 0; round < 10; round++) {
    const failures = await Promise.allSettled(Array.from({ length: 60 }, () => decodePicture(gif)));
    for (const failure of failures) {
      assert.match(String((failure as PromiseRejectedResult).reason), /GIF/);
    }
  }
});

test("stray bytes between a JPEG's parts are no damage", async () => {
  const jpeg = await image().jpeg().toBuffer();
  const stray = Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0, 0, 0]), jpeg.subarray(2)]);
  assert.deepEqual((await decodePicture(stray)).data, (await decodePicture(jpeg)).data);
});

test("of an MPO, several JPEGs in one file, the first is read", async () => {
  const jpeg = await image().jpeg().toBuffer();
  const other = await sharp({ create: { ...raw, background: "#fff" } })
    .jpeg()
    .toBuffer();
  // An index of both, as cameras and phones write it.
  const index = Buffer.concat([Buffer.from("ffe2000a4d504600", "hex"), Buffer.from("MM\0*")]);
  const mpo = Buffer.concat([jpeg.subarray(0, 2), index, jpeg.subarray(2), other]);
  assert.deepEqual((await decodePicture(mpo)).data, (await decodePicture(jpeg)).data);
});

test("a photo above the limit is refused by its header", async () => {
  const bytes = await image().png().toBuffer();
  await assert.rejects(decodePicture(bytes, { maxPixels: 95 }), {
    code: "PHOTO_TOO_LARGE",
    message: /at most 95 pixels, got 12×8 = 96/,
    details: { photo: `${bytes.length} bytes`, expected: 95, value: 96, width: 12, height: 8 },
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

test("bytes whose buffer shrinks while they are decoded do not end the process", async () => {
  const noise = Uint8Array.from({ length: 3 * 512 * 512 }, (_, i) => (i * 7919) % 251);
  const png = await sharp(noise, { raw: { width: 512, height: 512, channels: 3 } })
    .png()
    .toBuffer();
  const buffer = new ArrayBuffer(png.length, { maxByteLength: png.length });
  const bytes = new Uint8Array(buffer);
  bytes.set(png);
  const decoding = decodePicture(bytes);
  buffer.resize(0);
  assert.deepEqual((await decoding).data, noise);
});

test("raw input is checked once, with what was expected and what came", () => {
  assertPicture({ data: rgb, widthPx, heightPx });
  for (const wrong of [
    { data: new Uint8Array(0), widthPx: 0, heightPx: 0 },
    { data: rgb, widthPx, heightPx: heightPx + 1 },
    { data: rgb, widthPx: 1.5, heightPx: 64 },
    { data: Array.from(rgb), widthPx, heightPx },
    { widthPx, heightPx },
    null,
  ]) {
    assert.throws(() => assertPicture(wrong as unknown as Picture), { code: "INVALID_ARGUMENT" });
  }
});

test("photos are recognised by their extension, in any case", () => {
  for (const extension of pictureExtensions) {
    assert.ok(hasPictureExtension(`/a.b/PHOTO${extension.toUpperCase()}`), extension);
  }
  for (const path of ["", "jpg", "/photos.jpg/readme", "a.gif", "a.jpg.txt"]) {
    assert.ok(!hasPictureExtension(path), path);
  }
});
