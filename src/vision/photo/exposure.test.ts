import assert from "node:assert/strict";
import { test } from "node:test";
import { exposureWarnings } from "./exposure.ts";

/** A picture whose pixels have these levels, over and over. */
function picture(levels: readonly number[], widthPx = 300, heightPx = 200) {
  const data = new Uint8Array(3 * widthPx * heightPx);
  for (let i = 0; i < data.length; i++) data[i] = levels[Math.floor(i / 3) % levels.length]!;
  return { data, widthPx, heightPx };
}

const cases = [
  { what: "an ordinary photo", levels: [20, 90, 160, 230], warnings: [] },
  { what: "12 bits in 16", levels: [0, 3, 8, 15], warnings: ["nearly-black"] },
  { what: "a lens cap", levels: [0, 1], warnings: ["nearly-black", "no-contrast"] },
  { what: "an overexposed photo", levels: [241, 255], warnings: ["nearly-white"] },
  { what: "an empty page", levels: [255], warnings: ["nearly-white", "no-contrast"] },
  { what: "fog", levels: [120, 130], warnings: ["no-contrast"] },
  { what: "snow with a fox", levels: [...Array(40).fill(250), 90], warnings: [] },
  { what: "night with a lamp", levels: [...Array(40).fill(4), 255], warnings: [] },
];
for (const { what, levels, warnings } of cases) {
  test(`${what}: ${warnings.join(", ") || "no warning"}`, async () => {
    assert.deepEqual(await exposureWarnings(picture(levels)), warnings);
  });
}

test("a photo smaller than the parts is looked at whole", async () => {
  assert.deepEqual(await exposureWarnings(picture([20, 200], 2, 1)), []);
  assert.deepEqual(await exposureWarnings(picture([7], 1, 1)), ["nearly-black", "no-contrast"]);
});
