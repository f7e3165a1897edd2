import type { FileHandle } from "node:fs/promises";
import type { Sharp } from "sharp";

/** The side of a tile, px: a slice touches few tiles, and a row of tiles is not large. */
const tilePx = 512;

/**
 * A picture of 8-bit RGB in an uncompressed, tiled BigTIFF, which libvips writes while it decodes,
 * one row of tiles after the other. Any part can be read without reading the rest.
 */
export interface TiledTiff {
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** The position of each tile in the file, row by row. */
  readonly tileOffsets: readonly number[];
}

/** Makes sharp write such a file. */
export function toTiledTiff(image: Sharp): Sharp {
  return image.tiff({
    compression: "none",
    predictor: "none",
    bigtiff: true,
    tile: true,
    tileWidth: tilePx,
    tileHeight: tilePx,
  });
}

const tag = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  samplesPerPixel: 277,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
} as const;

/** The bytes of the value types of these fields: SHORT, LONG and LONG8. */
const bytesOfType: Readonly<Record<number, number>> = { 3: 2, 4: 4, 16: 8 };

/** Reads the layout of such a file. @throws Error when it is another kind of file. */
export async function readTiledTiff(file: FileHandle): Promise<TiledTiff> {
  const header = await readAt(file, 0, 16);
  if (header.toString("latin1", 0, 2) !== "II" || header.readUInt16LE(2) !== 43) {
    throw new Error("not a little-endian BigTIFF");
  }
  const directory = Number(header.readBigUInt64LE(8));
  const entryCount = Number((await readAt(file, directory, 8)).readBigUInt64LE(0));
  const entries = await readAt(file, directory + 8, 20 * entryCount);

  const read = async (wanted: number): Promise<number[]> => {
    for (let at = 0; at < entries.length; at += 20) {
      if (entries.readUInt16LE(at) !== wanted) continue;
      const size = bytesOfType[entries.readUInt16LE(at + 2)];
      if (size === undefined) break;
      const count = Number(entries.readBigUInt64LE(at + 4));
      const isInline = size * count <= 8;
      const values = isInline
        ? entries.subarray(at + 12, at + 20)
        : await readAt(file, Number(entries.readBigUInt64LE(at + 12)), size * count);
      return Array.from({ length: count }, (_, i) =>
        size === 8 ? Number(values.readBigUInt64LE(8 * i)) : values.readUIntLE(size * i, size),
      );
    }
    throw new Error(`field ${wanted} is missing`);
  };
  const layout = [tag.bitsPerSample, tag.samplesPerPixel, tag.compression].map(read);
  if ((await Promise.all(layout)).join(" ") !== "8,8,8 3 1") {
    throw new Error("not uncompressed 8-bit RGB");
  }
  const one = async (wanted: number) => (await read(wanted))[0]!;
  return {
    width: await one(tag.width),
    height: await one(tag.height),
    tileWidth: await one(tag.tileWidth),
    tileHeight: await one(tag.tileHeight),
    tileOffsets: await read(tag.tileOffsets),
  };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw new Error("it ends too early");
  return buffer;
}
