import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodePicture } from "../decode-picture.ts";

interface BmpOptions {
  readonly bits: number;
  /** Of the upper row first, without padding. */
  readonly rows: readonly Buffer[];
  readonly palette?: Buffer;
  readonly masks?: readonly number[];
  readonly isTopDown?: boolean;
  readonly headerBytes?: number;
  readonly compression?: number;
}

/** Writes a BMP of 3 × 2 pixels. */
function bmp({ bits, rows, palette = Buffer.alloc(0), masks, ...options }: BmpOptions): Buffer {
  const { isTopDown = false, headerBytes = 40, compression = masks ? 3 : 0 } = options;
  const rowBytes = Math.ceil((3 * bits) / 32) * 4;
  const padded = rows.map((row) => Buffer.concat([row, Buffer.alloc(rowBytes - row.length)]));
  const pixels = Buffer.concat(isTopDown ? padded : padded.toReversed());
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(headerBytes, 0);
  if (headerBytes === 12) {
    for (const [i, value] of [3, 2, 1, bits].entries()) header.writeUInt16LE(value, 4 + 2 * i);
  } else {
    header.writeInt32LE(3, 4);
    header.writeInt32LE(isTopDown ? -2 : 2, 8);
    header.writeUInt16LE(1, 12);
    header.writeUInt16LE(bits, 14);
    header.writeUInt32LE(compression, 16);
    header.writeUInt32LE(palette.length / 4, 32);
  }
  const maskBytes = Buffer.alloc(masks === undefined ? 0 : 12);
  for (const [i, mask] of (masks ?? []).entries()) maskBytes.writeUInt32LE(mask, 4 * i);
  if (headerBytes > 40) maskBytes.copy(header, 40);
  const before = [header, ...(headerBytes > 40 ? [] : [maskBytes]), palette];
  const file = Buffer.alloc(14);
  file.write("BM", "latin1");
  file.writeUInt32LE(14 + Buffer.concat(before).length, 10);
  return Buffer.concat([file, ...before, pixels]);
}

const bytesFrom = (first: number, count: number) =>
  Buffer.from(Array.from({ length: count }, (_, i) => first + i));
const words = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer);
/** Blue, green, red and nothing: 1 · i, 2 · i and 3 · i. */
const palette = Buffer.from(
  Array.from({ length: 256 }, (_, i) => [i, (2 * i) % 256, (3 * i) % 256, 0]).flat(),
);
const colours24 = [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15];
const colours32 = [2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 18, 17, 16, 22, 21, 20];
const rows24 = [bytesFrom(0, 9), bytesFrom(9, 9)];
const rows32 = [bytesFrom(0, 12), bytesFrom(12, 12)];
const rows16 = [words(0x7fff, 0x1234, 0x0421), words(0xffff, 0xabcd, 0x0001)];
const colours555 = [248, 248, 248, 32, 136, 160, 8, 8, 8, 248, 248, 248, 80, 240, 104, 0, 0, 8];

/** What OpenCV 5.0 reads of the same bytes. */
const cases: [what: string, options: BmpOptions, rgb: number[]][] = [
  ["24 bits", { bits: 24, rows: rows24 }, colours24],
  ["24 bits, upper row first", { bits: 24, rows: rows24, isTopDown: true }, colours24],
  ["24 bits and the oldest header", { bits: 24, rows: rows24, headerBytes: 12 }, colours24],
  ["32 bits", { bits: 32, rows: rows32 }, colours32],
  ["32 bits by masks", { bits: 32, rows: rows32, masks: [0xff0000, 0xff00, 0xff] }, colours32],
  [
    "32 bits by other masks",
    { bits: 32, rows: rows32, masks: [0xff, 0xff00, 0xff0000], headerBytes: 108 },
    [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22],
  ],
  ["16 bits", { bits: 16, rows: rows16 }, colours555],
  ["16 bits by masks", { bits: 16, rows: rows16, masks: [0x7c00, 0x3e0, 0x1f] }, colours555],
  [
    "16 bits with 6 of green",
    { bits: 16, rows: rows16, masks: [0xf800, 0x7e0, 0x1f] },
    [120, 252, 248, 16, 68, 160, 0, 132, 8, 248, 252, 248, 168, 120, 104, 0, 0, 8],
  ],
  [
    "8 bits",
    { bits: 8, rows: [Buffer.from([0, 100, 255]), Buffer.from([1, 2, 3])], palette },
    [0, 0, 0, 44, 200, 100, 253, 254, 255, 3, 2, 1, 6, 4, 2, 9, 6, 3],
  ],
  [
    "8 bits beyond a short palette",
    { bits: 8, rows: [Buffer.from([0, 9, 3]), bytesFrom(1, 3)], palette: palette.subarray(0, 16) },
    [0, 0, 0, 0, 0, 0, 9, 6, 3, 3, 2, 1, 6, 4, 2, 9, 6, 3],
  ],
  [
    "4 bits",
    {
      bits: 4,
      rows: [Buffer.from([0x1f, 0x20]), Buffer.from([0x34, 0x50])],
      palette: palette.subarray(0, 64),
    },
    [3, 2, 1, 45, 30, 15, 6, 4, 2, 9, 6, 3, 12, 8, 4, 15, 10, 5],
  ],
  [
    "1 bit",
    {
      bits: 1,
      rows: [Buffer.from([0xa0]), Buffer.from([0x40])],
      palette: Buffer.from([0, 0, 0, 0, 255, 254, 253, 0]),
    },
    [253, 254, 255, 0, 0, 0, 253, 254, 255, 0, 0, 0, 253, 254, 255, 0, 0, 0],
  ],
];

describe("a BMP", () => {
  for (const [what, options, rgb] of cases) {
    test(`of ${what} is read as by OpenCV`, async () => {
      const { data, widthPx, heightPx } = await decodePicture(bmp(options));
      assert.deepEqual([widthPx, heightPx], [3, 2]);
      assert.deepEqual([...data], rgb);
    });
  }

  const refused: [what: string, bytes: Buffer, reason: RegExp][] = [
    ["cut off", bmp({ bits: 24, rows: rows24 }).subarray(0, -4), /it is cut off/],
    ["compressed", bmp({ bits: 8, rows: [bytesFrom(0, 3)], compression: 1 }), /run lengths/],
    ["of 2 bits", bmp({ bits: 2, rows: [Buffer.alloc(1), Buffer.alloc(1)] }), /of 2 bits/],
    [
      "of 4 bits a colour",
      bmp({ bits: 16, rows: rows16, masks: [0xf00, 0xf0, 0xf] }),
      /unusual order/,
    ],
  ];
  for (const [what, bytes, reason] of refused) {
    test(`that is ${what} is refused with the reason`, async () => {
      await assert.rejects(decodePicture(bytes), { code: "PHOTO_UNREADABLE", message: reason });
    });
  }

  test("above the limit of pixels is refused before it is decoded", async () => {
    const bytes = bmp({ bits: 24, rows: rows24 });
    await assert.rejects(decodePicture(bytes, { maxPixels: 5 }), { code: "PHOTO_TOO_LARGE" });
  });
});
