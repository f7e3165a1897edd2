import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { describe, test } from "node:test";
import { decodePicture } from "../decode-picture.ts";
import { openPhoto } from "../open-photo.ts";
import { PictureOnDisk } from "../picture-on-disk.ts";
import { coarseHeic, heicPhotos } from "./heic.fixture.ts";

describe("a HEIC photo", () => {
  for (const [name, { bytes, sizeWh, sha256 }] of Object.entries(heicPhotos)) {
    test(`that is ${name} is read as by Pillow`, async () => {
      const { data, widthPx, heightPx } = await decodePicture(bytes);
      assert.deepEqual([widthPx, heightPx], sizeWh);
      assert.equal(hash("sha256", data), sha256);
    });
  }

  test("of low quality is read nearly as by Pillow", async () => {
    const [ours, pillows] = await Promise.all(
      [coarseHeic.bytes, coarseHeic.png].map((bytes) => decodePicture(bytes)),
    );
    const differences = Array.from(ours!.data, (value, i) => Math.abs(value - pillows!.data[i]!));
    assert.ok(Math.max(...differences) < 12, "at most 4 % of the range");
    assert.ok(differences.reduce((sum, one) => sum + one) / differences.length < 1);
  });

  test("of many pixels is unpacked to disk", async () => {
    const { bytes, sizeWh, sha256 } = heicPhotos.turned;
    await using photo = await openPhoto(bytes, { pixelsInMemory: 100 });
    assert.ok(photo.pixels instanceof PictureOnDisk);
    const [width, height] = sizeWh;
    const { data } = await photo.pixels.cut({ left: 0, top: 0, width, height });
    assert.equal(hash("sha256", data), sha256);
  });

  test("that is cut off is refused with libheif's reason", async () => {
    const bytes = heicPhotos.upright.bytes.subarray(0, -20);
    await assert.rejects(decodePicture(bytes), {
      code: "PHOTO_UNREADABLE",
      message: /cannot be decoded: .*Unexpected end of file/,
    });
  });

  test("has no bands or ranges to choose", async () => {
    await assert.rejects(decodePicture(heicPhotos.upright.bytes, { bands: [3, 2, 1] }), {
      code: "PHOTO_UNREADABLE",
      message: /bands and ranges of values cannot be chosen of HEIC photos/,
    });
  });
});
