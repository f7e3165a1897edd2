import assert from "node:assert/strict";
import { test } from "node:test";
import { planSlices } from "../slices/plan-slices.ts";
import { cutPicture } from "./cut-picture.ts";
import type { Picture } from "./picture.ts";

/** All bytes differ from their neighbours. */
function pictureOf(widthPx: number, heightPx: number): Picture {
  const data = Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7) % 251);
  return { data, widthPx, heightPx };
}

test("a slice has the photo's pixels, and its own memory", () => {
  const grey = Uint8Array.from({ length: 13 * 9 }, (_, i) => i);
  const photo = { ...pictureOf(13, 9), grey };
  for (const slice of planSlices({ photoWh: [13, 9], sliceWh: [5, 4], overlap: 0.3 })) {
    const cut = cutPicture(photo, slice);
    assert.deepEqual([cut.widthPx, cut.heightPx, cut.data.length], [5, 4, 60]);
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 5; x++) {
        const from = 3 * ((slice.top + y) * 13 + slice.left + x);
        const to = 3 * (5 * y + x);
        assert.deepEqual(cut.data.subarray(to, to + 3), photo.data.subarray(from, from + 3));
        assert.equal(cut.grey![to / 3], grey[from / 3]);
      }
    }
    assert.notEqual(cut.data.buffer, photo.data.buffer);
  }
});

test("a slice as large as the photo is the photo", () => {
  const photo = pictureOf(1, 1);
  assert.equal(cutPicture(photo, { left: 0, top: 0, width: 1, height: 1 }), photo);
});

test("a slice beyond the photo is refused", () => {
  for (const wrong of [
    { left: -1 },
    { top: -1 },
    { left: 6 },
    { top: 5 },
    { width: 0 },
    { height: 0 },
    { width: 11 },
    { left: 0.5 },
    { top: Number.NaN },
  ]) {
    const slice = { left: 0, top: 0, width: 5, height: 4, ...wrong };
    assert.throws(() => cutPicture(pictureOf(10, 8), slice), { code: "INVALID_ARGUMENT" });
  }
});
