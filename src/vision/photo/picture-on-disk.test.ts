import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempDisposable, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import sharp, { type Sharp } from "sharp";
import { isOrangeryError } from "../../errors.ts";
import { letterbox, letterboxInStrips } from "../letterbox/letterbox.ts";
import { planLetterbox } from "../letterbox/plan-letterbox.ts";
import { cutPicture } from "./cut-picture.ts";
import { decodeEncoded, readEncoded } from "./decode-picture.ts";
import { PictureOnDisk } from "./picture-on-disk.ts";

const [width, height] = [1301, 1117];

/** A photo of which no two parts are alike, of several tiles in both directions. */
function photo(channels: 3 | 4 = 3): Sharp {
  const data = new Uint8Array(channels * width * height);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    data[i] = state >> 16;
  }
  return sharp(data, { raw: { width, height, channels } });
}

const forms: [what: string, bytes: () => Promise<Buffer>][] = [
  ["a JPEG", () => photo().jpeg().toBuffer()],
  ["a progressive JPEG", () => photo().jpeg({ progressive: true }).toBuffer()],
  ["a CMYK JPEG", () => photo().toColourspace("cmyk").jpeg().toBuffer()],
  ["a grey PNG", () => photo().toColourspace("b-w").png().toBuffer()],
  ["a 16-bit PNG", () => photo().toColourspace("rgb16").png().toBuffer()],
  ["a PNG with alpha", () => photo(4).png().toBuffer()],
  [
    "a palette PNG",
    () => photo().png({ palette: true, colours: 8, dither: 0, effort: 1 }).toBuffer(),
  ],
  ["a WebP", () => photo().webp().toBuffer()],
  ["a TIFF", () => photo().tiff({ compression: "lzw" }).toBuffer()],
  ["an AVIF", () => photo().avif({ effort: 0 }).toBuffer()],
  ...[2, 3, 4, 5, 6, 7, 8].map((orientation): [string, () => Promise<Buffer>] => [
    `a JPEG of orientation ${orientation}`,
    () => photo().withMetadata({ orientation }).jpeg().toBuffer(),
  ]),
];
for (const [what, bytes] of forms) {
  test(`${what} has the same pixels on disk as in memory`, async () => {
    const encoded = await readEncoded(await bytes());
    const whole = await decodeEncoded(encoded);
    await using onDisk = await PictureOnDisk.decode(encoded);
    const { widthPx, heightPx } = onDisk;
    assert.deepEqual([widthPx, heightPx], [whole.widthPx, whole.heightPx]);

    const parts = [
      { left: 0, top: 0, width: widthPx, height: heightPx },
      { left: 500, top: 490, width: 40, height: 600 },
      { left: 512, top: 512, width: 512, height: 512 },
      { left: widthPx - 1, top: heightPx - 1, width: 1, height: 1 },
      { left: 17, top: heightPx - 300, width: 1000, height: 300 },
    ];
    const cuts = await Promise.all(parts.map((part) => onDisk.cut(part)));
    for (const [index, part] of parts.entries()) {
      const { data, ...size } = cutPicture(whole, part);
      const { data: cutData, ...cutSize } = cuts[index]!;
      assert.deepEqual(cutSize, size);
      assertSame(cutData, data, JSON.stringify(part));
    }

    const plan = planLetterbox({ photoWh: [widthPx, heightPx], inputWh: [320, 256] });
    const [expected, came] = [0, 1].map(() => new Float32Array(3 * 320 * 256));
    letterbox(whole, plan, expected!);
    await letterboxInStrips(onDisk, plan, came!);
    assertSame(came!, expected!, "letterboxed");
  });
}

/** Not `deepEqual`, which takes all memory to show how millions of numbers differ. */
function assertSame(came: Uint8Array | Float32Array, expected: typeof came, what: string): void {
  const bytesOf = ({ buffer, byteOffset, byteLength }: typeof came) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  assert.ok(Buffer.compare(bytesOf(came), bytesOf(expected)) === 0, what);
}

test("strips of a photo that is enlarged are those of the whole", async () => {
  const encoded = await readEncoded(await photo().resize(7, 3).png().toBuffer());
  await using onDisk = await PictureOnDisk.decode(encoded);
  const plan = planLetterbox({ photoWh: [7, 3], inputWh: [96, 96] });
  const [expected, came] = [0, 1].map(() => new Float32Array(3 * 96 * 96));
  letterbox(await decodeEncoded(encoded), plan, expected!);
  await letterboxInStrips(onDisk, plan, came!);
  assert.deepEqual(came, expected);
});

test("a part outside the photo is refused", async () => {
  await using onDisk = await PictureOnDisk.decode(
    await readEncoded(await photo().png().toBuffer()),
  );
  await assert.rejects(onDisk.cut({ left: 1300, top: 0, width: 2, height: 1 }), (error) =>
    isOrangeryError(error, "INVALID_ARGUMENT"),
  );
});

test("the folder is empty while the picture is open, after a bad photo and an abort", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-pixels-test-"));
  const bytes = await photo().jpeg().toBuffer();
  const encoded = await readEncoded(bytes);
  const options = { folder: folder.path };
  await using _ = await PictureOnDisk.decode(encoded, options);
  assert.deepEqual(await readdir(folder.path), []);

  const cutShort = { ...encoded, bytes: bytes.subarray(0, bytes.length >> 1) };
  await assert.rejects(PictureOnDisk.decode(cutShort, options), (error) =>
    isOrangeryError(error, "PHOTO_UNREADABLE"),
  );
  const abort = new AbortController();
  const leaving = PictureOnDisk.decode(encoded, { ...options, signal: abort.signal });
  const reason = new Error("enough");
  abort.abort(reason);
  await assert.rejects(leaving, reason);
  assert.deepEqual(await readdir(folder.path), []);
});

test("what a process left that died while it decoded is removed when it is old", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-pixels-test-"));
  const encoded = await readEncoded(await photo().png().toBuffer());
  await using old = await mkdtempDisposable(join(folder.path, "orangery-pixels-"));
  await using fresh = await mkdtempDisposable(join(folder.path, "orangery-pixels-"));
  await writeFile(join(old.path, "pixels.tiff"), "half");
  await utimes(join(old.path, "pixels.tiff"), 1, 1);
  await utimes(old.path, 1, 1);
  await using _ = await PictureOnDisk.decode(encoded, { folder: folder.path });
  assert.deepEqual(await readdir(folder.path), [fresh.path.slice(folder.path.length + 1)]);
});

test("a folder that does not exist is reported", async () => {
  const encoded = await readEncoded(await photo().png().toBuffer());
  await assert.rejects(
    PictureOnDisk.decode(encoded, { folder: "/no/such/folder" }),
    (error) => isOrangeryError(error, "NOT_WRITABLE") && /TMPDIR/.test(error.message),
  );
});

test("a disk without room is reported, and nothing is left on it", {
  skip: process.platform !== "linux" && "needs bash's ulimit",
}, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-pixels-test-"));
  const file = join(folder.path, "photo.png");
  await photo().png().toFile(file);
  const script = `
    import { readEncoded } from ${JSON.stringify(import.meta.resolve("./decode-picture.ts"))};
    import { PictureOnDisk } from ${JSON.stringify(import.meta.resolve("./picture-on-disk.ts"))};
    const encoded = await readEncoded(${JSON.stringify(file)});
    await PictureOnDisk.decode(encoded, { folder: ${JSON.stringify(folder.path)} }).then(
      () => console.log("decoded"),
      (error) => console.log(error.code),
    );`;
  // Blocks of 1,024 bytes. Ignored, the signal that comes with the limit becomes an error.
  const limited = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 1000; exec "$@"`;
  const { stdout, stderr } = spawnSync(
    "bash",
    ["-c", limited, "bash", process.execPath, "--input-type=module", "--eval", script],
    { encoding: "utf8" },
  );
  assert.equal(stdout, "PHOTO_NO_SPACE\n", stderr);
  assert.deepEqual(await readdir(folder.path), ["photo.png"]);
  assert.ok((await readFile(file)).length > 0);
});
