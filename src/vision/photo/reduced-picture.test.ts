import assert from "node:assert/strict";
import { describe, test } from "node:test";
import sharp from "sharp";
import { decodePicture } from "./decode-picture.ts";
import { openReduced, openWhole } from "./open-photo.ts";
import { ReducedPicture } from "./reduced-picture.ts";

/** A photo with a gradient to the right, red at the left and blue at the right. */
function gradient(width: number, height: number) {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const share = (Math.floor(i / 3) % width) / (width - 1);
    return [255 * (1 - share), 128, 255 * share][i % 3]!;
  });
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const jpeg = await gradient(1200, 900)
  .jpeg({ quality: 95 })
  .withMetadata({ orientation: 6 })
  .toBuffer();
const eighth = {
  wantedWhOf: ([width, height]: readonly [number, number]) =>
    [Math.floor(width / 8), Math.floor(height / 8)] as const,
};

describe("a JPEG that is much larger than wanted", () => {
  test("is decoded at the wanted size, upright, and keeps the photo's own size", async () => {
    await using open = await openReduced(jpeg, eighth);
    const { pixels } = open;
    assert.ok(pixels instanceof ReducedPicture);
    assert.deepEqual([pixels.widthPx, pixels.heightPx], [900, 1200]);
    const { data, widthPx, heightPx } = pixels.picture;
    assert.deepEqual([widthPx, heightPx], [112, 150]);
    // Turned by orientation 6, the gradient runs from top to bottom.
    for (const y of [0, 40, 75, 149]) {
      const [red, green, blue] = data.subarray(3 * (y * widthPx + 50), 3 * (y * widthPx + 51));
      const share = (y + 0.5) / 150;
      assert.ok(Math.abs(red! - 255 * (1 - share)) < 6, `${red} in row ${y}`);
      assert.ok(Math.abs(green! - 128) < 6, `${green} in row ${y}`);
      assert.ok(Math.abs(blue! - 255 * share) < 6, `${blue} in row ${y}`);
    }
  });

  test("is decoded whole where all pixels are needed after all", async () => {
    await using open = await openReduced(jpeg, eighth);
    await using whole = await openWhole(open.pixels);
    assert.deepEqual(whole.pixels, await decodePicture(jpeg));
  });

  test("is refused where it is cut off", async () => {
    const half = jpeg.subarray(0, jpeg.length / 2);
    await assert.rejects(openReduced(half, eighth), { code: "PHOTO_UNREADABLE" });
  });

  test("is refused above the limit of its own pixels", async () => {
    const limited = openReduced(jpeg, { ...eighth, maxPixels: 1_000_000 });
    await assert.rejects(limited, { code: "PHOTO_TOO_LARGE" });
  });
});

test("other photos are decoded whole: those of other formats, and those that are hardly larger", async () => {
  const png = await gradient(1200, 900).png().toBuffer();
  const third = ([width, height]: readonly [number, number]) =>
    [width / 2.9, height / 2.9] as const;
  for (const [bytes, wantedWhOf] of [
    [png, eighth.wantedWhOf],
    [jpeg, third],
  ] as const) {
    await using open = await openReduced(bytes, { wantedWhOf });
    assert.deepEqual(open.pixels, await decodePicture(bytes));
  }
});
