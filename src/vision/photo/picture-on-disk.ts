import { type FileHandle, mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { isDiskFull } from "../../base/files/disk-full.ts";
import { OrangeryError } from "../../errors.ts";
import { decodeEncoded, type EncodedPhoto, toRgb, undecodable } from "./decode-picture.ts";
import { Orientation, type Walk } from "./orientation.ts";
import type { Picture } from "./picture.ts";
import { assertSlice, type Slice } from "./slice.ts";
import { readTiledTiff, type TiledTiff, toTiledTiff } from "./tiled-tiff.ts";

export interface PictureOnDiskOptions {
  /** The folder of the pixels. Default: the system's folder for temporary files. */
  readonly folder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The names of temporary folders start with this. */
const prefix = "orangery-pixels-";

/** A file not written for this long was left by a dead process. */
const leftoverAfterMs = 60 * 60_000;

/**
 * A decoded photo that is too large for memory: its pixels are in a temporary file of 3 bytes per
 * pixel, and any part of it can be cut out. The pixels are those of `decodePicture`, to the bit.
 *
 * The file loses its name once it is written, so it is gone when the picture is closed, and also
 * when the process dies.
 */
export class PictureOnDisk implements AsyncDisposable {
  /** After applying the photo's orientation. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly #file: FileHandle;
  readonly #tiff: TiledTiff;
  readonly #orientation: Orientation;
  /** Buffers for reading tiles; reused, since a large photo is cut thousands of times. */
  readonly #scratch: Uint8Array[] = [];
  #closing: Promise<void> | undefined;

  private constructor(file: FileHandle, tiff: TiledTiff, orientation: Orientation) {
    this.#file = file;
    this.#tiff = tiff;
    this.#orientation = orientation;
    [this.widthPx, this.heightPx] = orientation.uprightWh;
  }

  /**
   * Decodes a photo to disk, with a few rows of it in memory at a time where its format allows: a
   * progressive JPEG, an interlaced PNG, a WebP and an AVIF are decoded whole by their decoders.
   *
   * @throws `PHOTO_UNREADABLE`, `PHOTO_NO_SPACE` when the disk is full, `NOT_WRITABLE` when
   *   nothing can be written to the folder, or the signal's reason.
   */
  static async decode(
    encoded: EncodedPhoto,
    { folder = tmpdir(), signal }: PictureOnDiskOptions = {},
  ): Promise<PictureOnDisk> {
    signal?.throwIfAborted();
    const place = await makeFolder(folder, encoded);
    try {
      const path = join(place, "pixels.tiff");
      await writePixels(encoded, path);
      signal?.throwIfAborted();
      const file = await open(path);
      try {
        const tiff = await readTiledTiff(file);
        const stored = isTurnedLater(encoded) ? encoded.orientation : undefined;
        const orientation = new Orientation(stored, [tiff.width, tiff.height]);
        return new PictureOnDisk(file, tiff, orientation);
      } catch (error) {
        await file.close();
        throw error;
      }
    } finally {
      // Unlink it: an open file needs no name.
      await rm(place, { recursive: true, force: true });
    }
  }

  /**
   * Copies a part of the photo into memory.
   *
   * @throws `INVALID_ARGUMENT` when it does not lie within the photo.
   */
  async cut(part: Slice, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Picture> {
    assertSlice(part, this);
    const stored = this.#orientation.toStored(part);
    const walk = this.#orientation.walk(part);
    const data = new Uint8Array(3 * part.width * part.height);
    const { tileWidth, tileHeight, tileOffsets, width } = this.#tiff;
    const tilesInRow = Math.ceil(width / tileWidth);
    const right = stored.left + stored.width;
    const bottom = stored.top + stored.height;

    const bytes = this.#scratch.pop() ?? new Uint8Array(3 * tileWidth * tileHeight);
    for (let y = stored.top; y < bottom; y += tileHeight - (y % tileHeight)) {
      const rows = Math.min(bottom - y, tileHeight - (y % tileHeight));
      for (let x = stored.left; x < right; x += tileWidth - (x % tileWidth)) {
        signal?.throwIfAborted();
        const columns = Math.min(right - x, tileWidth - (x % tileWidth));
        const tile = Math.floor(y / tileHeight) * tilesInRow + Math.floor(x / tileWidth);
        const from = 3 * tileWidth * (y % tileHeight);
        await this.#read(bytes, 3 * tileWidth * rows, tileOffsets[tile]! + from);
        const start = walk.start + (x - stored.left) * walk.column + (y - stored.top) * walk.row;
        const piece = { firstByte: 3 * (x % tileWidth), rowBytes: 3 * tileWidth, columns, rows };
        copyPiece(bytes, piece, data, { ...walk, start });
      }
    }
    this.#scratch.push(bytes);
    return { data, widthPx: part.width, heightPx: part.height };
  }

  /** Frees the disk. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#file.close();
    await this.#closing;
  }

  async #read(bytes: Uint8Array, length: number, position: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, position + done);
      if (bytesRead === 0) throw new Error("The temporary file of a photo's pixels was cut short.");
      done += bytesRead;
    }
  }
}

interface Piece {
  readonly firstByte: number;
  readonly rowBytes: number;
  readonly columns: number;
  readonly rows: number;
}

/** Copies stored pixels to their places in the upright part. */
function copyPiece(
  from: Uint8Array,
  { firstByte, rowBytes, columns, rows }: Piece,
  to: Uint8Array,
  { start, column, row }: Walk,
): void {
  for (let y = 0; y < rows; y++) {
    let source = firstByte + y * rowBytes;
    let target = 3 * (start + y * row);
    if (column === 1) {
      to.set(from.subarray(source, source + 3 * columns), target);
      continue;
    }
    for (let x = 0; x < columns; x++, source += 3, target += 3 * column) {
      to[target] = from[source]!;
      to[target + 1] = from[source + 1]!;
      to[target + 2] = from[source + 2]!;
    }
  }
}

async function makeFolder(folder: string, { label }: EncodedPhoto): Promise<string> {
  try {
    await removeLeftovers(folder);
    return await mkdtemp(join(folder, prefix));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (isDiskFull(cause)) throw noSpace(label, folder, cause);
    throw new OrangeryError(
      "NOT_WRITABLE",
      `Expected a folder for temporary files that can be written, got ${code} for ${folder}. ` +
        "Large photos are unpacked there; name another one in TMPDIR.",
      { cause, details: { folder } },
    );
  }
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const touched = await Promise.all(
      [path, join(path, "pixels.tiff")].map((file) =>
        stat(file).then(
          ({ mtimeMs }) => mtimeMs,
          () => 0,
        ),
      ),
    );
    if (Date.now() - Math.max(...touched) < leftoverAfterMs) continue;
    // It may be another user's folder.
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

/** Whether libvips alone makes RGB of the photo, strip by strip, and turns nothing. */
function isTurnedLater({ plan: { layout } }: EncodedPhoto): boolean {
  return layout === "rgb" || layout === "alpha";
}

/**
 * Photos that need arithmetic to become RGB are decoded in memory, whatever their size, and are
 * upright.
 */
async function storedRgb(encoded: EncodedPhoto): Promise<Sharp> {
  if (isTurnedLater(encoded)) return toRgb(encoded);
  const { data, widthPx: width, heightPx: height } = await decodeEncoded(encoded);
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
}

async function writePixels(encoded: EncodedPhoto, path: string): Promise<void> {
  try {
    await toTiledTiff(await storedRgb(encoded)).toFile(path);
  } catch (cause) {
    if (cause instanceof OrangeryError) throw cause;
    const { message } = cause as Error;
    if (message.includes("write error")) throw noSpace(encoded.label, path, cause);
    throw undecodable(encoded, cause);
  }
}

function noSpace(photo: string, path: string, cause: unknown): OrangeryError {
  return new OrangeryError(
    "PHOTO_NO_SPACE",
    `Expected room for the pixels of a large photo (${photo}) at ${path}, got ${cause}. Free ` +
      "some space, or name another folder for temporary files in TMPDIR.",
    { cause, details: { photo, path } },
  );
}
