import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { describe, test } from "node:test";
import sharp from "sharp";
import { OrangeryError } from "../../../errors.ts";
import { decodePicture } from "../../../vision/photo/decode-picture.ts";
import { makeThumbnail, type Thumbnail } from "./thumbnail.ts";

const raw = { width: 64, height: 48, channels: 3 } as const;
const pixels = Uint8Array.from({ length: 3 * 64 * 48 }, (_, i) => (i * 7) % 251);

/** The thumbnail of a photo of these bytes. */
async function thumbnailOf(bytes: Uint8Array, maxSidePx = 64): Promise<Thumbnail> {
  const content = { sha256: hash("sha256", bytes), sizeBytes: bytes.byteLength, mtimeUs: 0 };
  const photos = { read: async () => ({ bytes, content }) };
  const options = { photos, contentSha256: content.sha256, maxSidePx, maxBytes: 1e6 };
  return await makeThumbnail("/photo", options);
}

/** How far a thumbnail's pixels are from those that a model is given, on average. */
async function differenceToDecoded(bytes: Uint8Array): Promise<number> {
  const thumbnail = await thumbnailOf(bytes);
  assert.ok("webp" in thumbnail, JSON.stringify(thumbnail));
  const shown = await sharp(thumbnail.webp).removeAlpha().raw().toBuffer();
  const { data } = await decodePicture(bytes);
  assert.equal(shown.length, data.length);
  return data.reduce((sum, value, i) => sum + Math.abs(value - shown[i]!), 0) / data.length;
}

describe("a thumbnail shows what the model was given", () => {
  const flat = { create: { width: 64, height: 48, channels: 3, background: "#4a8f3c" } } as const;

  test("of a JPEG that its decoder warns of", async () => {
    const jpeg = await sharp(flat).jpeg().toBuffer();
    const startOfScan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
    const [before, after] = [jpeg.subarray(0, startOfScan), jpeg.subarray(startOfScan)];
    const stray = Buffer.concat([before, Buffer.alloc(20, 1), after]);
    assert.ok((await differenceToDecoded(stray)) < 3);
  });

  test("of a photo with an alpha channel", async () => {
    const clear = await sharp(flat).ensureAlpha(0).png().toBuffer();
    assert.ok((await differenceToDecoded(clear)) < 3);
  });

  test("turned and in eight bits", async () => {
    const turned = await sharp(flat).withMetadata({ orientation: 6 }).toColourspace("rgb16").png();
    assert.ok((await differenceToDecoded(await turned.toBuffer())) < 3);
  });
});

test("a thumbnail is as large as allowed, and keeps to its bytes", async () => {
  const bytes = await sharp(pixels, { raw }).png().toBuffer();
  const small = await thumbnailOf(bytes, 32);
  assert.ok("webp" in small);
  assert.deepEqual([small.widthPx, small.heightPx], [32, 24]);
  const whole = await thumbnailOf(bytes, 1000);
  assert.ok("webp" in whole);
  assert.deepEqual([whole.widthPx, whole.heightPx], [64, 48]);
});

describe("a photo has no thumbnail", () => {
  test("when it was changed or cannot be decoded", async () => {
    const photos = {
      read: async () => ({
        bytes: new Uint8Array(9),
        content: { sha256: "other", sizeBytes: 9, mtimeUs: 0 },
      }),
    };
    const options = { photos, maxSidePx: 64, maxBytes: 1e6 };
    assert.deepEqual(await makeThumbnail("/photo", { ...options, contentSha256: "this" }), {
      missing: "The photo has changed since it was counted.",
    });
    assert.deepEqual(await thumbnailOf(new Uint8Array(9)), {
      missing: "The photo cannot be read.",
    });
  });

  test("when it is gone or cannot be fetched", async () => {
    for (const [code, missing] of [
      ["PHOTO_NOT_FOUND", "The photo cannot be found."],
      ["PHOTO_FETCH_FAILED", "The photo cannot be fetched."],
    ] as const) {
      const photos = { read: () => Promise.reject(new OrangeryError(code, "not there")) };
      const options = { photos, contentSha256: "", maxSidePx: 64, maxBytes: 1e6 };
      assert.deepEqual(await makeThumbnail("/photo", options), { missing });
    }
  });

  test("but a mistake of ours is not blamed on it", async () => {
    const photos = { read: () => Promise.reject(new TypeError("ours")) };
    const options = { photos, contentSha256: "", maxSidePx: 64, maxBytes: 1e6 };
    await assert.rejects(makeThumbnail("/photo", options), TypeError);
  });
});
