import { readFile } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import { OrangeryError } from "../../errors.ts";

/** A decoded photo: 8-bit sRGB, interleaved RGB, rows from top to bottom without gaps. */
export interface Picture {
  /** `3 · widthPx · heightPx` bytes. */
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A path, a `file:` URL, the bytes of an encoded photo, or a decoded one. */
export type PictureInput = string | URL | Uint8Array | Picture;

export interface DecodeOptions {
  /** Photos with more pixels are refused before they are decoded. Default 268 million. */
  readonly maxPixels?: number | undefined;
  /** Decoding cannot be interrupted: an abort is seen before reading and after decoding. */
  readonly signal?: AbortSignal | undefined;
}

/** What the formats that {@link decodePicture} reads are usually called: lower case, with the dot. */
export const pictureExtensions: readonly string[] = Object.freeze([
  ".jpg",
  ".jpeg",
  ".jpe",
  ".jfif",
  ".png",
  ".webp",
  ".tif",
  ".tiff",
  ".avif",
]);

const readableFormats = new Set(["jpeg", "png", "webp", "tiff", "heif"]);
const formatNames = "JPEG, PNG, WebP, TIFF or AVIF";
const defaultMaxPixels = 268_000_000;

/** Whether `path` ends like a photo that {@link decodePicture} reads. Nothing is opened. */
export function hasPictureExtension(path: string): boolean {
  const dot = path.lastIndexOf(".");
  return dot >= 0 && pictureExtensions.includes(path.slice(dot).toLowerCase());
}

/**
 * Decodes a JPEG, PNG, WebP, TIFF or AVIF photo, told by its content and not by its name.
 *
 * The EXIF orientation is applied; grey, palette, CMYK and 16-bit photos become 8-bit RGB; an alpha
 * channel is dropped, not blended; of several pages the first is read. Embedded colour profiles are
 * ignored, as OpenCV and with it Ultralytics do: the numbers in the file are the numbers a model was
 * trained on, and those of an RGB JPEG come out as libjpeg-turbo gives them, bit for bit.
 *
 * A damaged photo is refused where OpenCV would go on with grey for what is missing: a count taken
 * from half a photo is a wrong count. What a decoder merely warns of is let through, as OpenCV does:
 * stray bytes between a JPEG's parts, flipped bits inside one.
 *
 * @throws `PHOTO_NOT_FOUND`, `PHOTO_UNREADABLE`, `PHOTO_TOO_LARGE`, or the signal's reason.
 */
export async function decodePicture(
  source: string | URL | Uint8Array,
  options: DecodeOptions = {},
): Promise<Picture> {
  const picture = await decodeEncoded(await readEncoded(source, options));
  options.signal?.throwIfAborted();
  return picture;
}

/** A photo as it is in its file, of a format that can be decoded. */
export interface EncodedPhoto {
  readonly bytes: Uint8Array;
  /** What to call it in messages. */
  readonly label: string;
  /** Before its orientation is applied, px. */
  readonly storedWh: readonly [number, number];
  /** EXIF's, 1 to 8. */
  readonly orientation: number | undefined;
}

/**
 * Reads a photo's file and its header, and nothing of its pixels.
 *
 * @throws as {@link decodePicture}
 */
export async function readEncoded(
  source: string | URL | Uint8Array,
  { maxPixels = defaultMaxPixels, signal }: DecodeOptions = {},
): Promise<EncodedPhoto> {
  signal?.throwIfAborted();
  const label = source instanceof Uint8Array ? `${source.byteLength} bytes` : String(source);
  const bytes = source instanceof Uint8Array ? source : await readPhoto(source, label, signal);
  if (bytes.byteLength === 0) throw unreadable(label, "it is empty");

  const { width, height, orientation } = await readHeader(bytes, label);
  const pixels = width * height;
  if (pixels > maxPixels) {
    throw new OrangeryError(
      "PHOTO_TOO_LARGE",
      `Expected a photo of at most ${maxPixels} pixels, got ${width}×${height} = ` +
        `${pixels} (${label}). Raise the limit (\`maxPixels\`, --max-pixels) or make the photo smaller.`,
      { details: { photo: label, expected: maxPixels, came: pixels, width, height } },
    );
  }
  return { bytes, label, storedWh: [width, height], orientation };
}

/** Checks at the boundary that raw input is what {@link Picture} says. @throws `INVALID_ARGUMENT` */
export function assertPicture(picture: Picture): void {
  const { data, widthPx, heightPx } = picture;
  const isSide = (value: number) => Number.isInteger(value) && value > 0;
  const expected = 3 * widthPx * heightPx;
  if (isSide(widthPx) && isSide(heightPx) && data instanceof Uint8Array) {
    if (data.length === expected) return;
  }
  const came = `${data?.length} of ${data?.constructor?.name} for ${widthPx}×${heightPx}`;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a raw picture of 3·widthPx·heightPx RGB bytes in a Uint8Array, got ${came}.`,
    { details: { expected, came: data?.length, widthPx, heightPx } },
  );
}

async function readPhoto(
  source: string | URL,
  label: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  try {
    return await readFile(source, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new OrangeryError(
      "PHOTO_NOT_FOUND",
      `Expected a photo at ${label} that can be opened, got ${reason}. Check the path and the rights.`,
      { cause, details: { photo: label, reason } },
    );
  }
}

async function readHeader(bytes: Uint8Array, label: string) {
  try {
    // The limit is ours to check, with its own error.
    const header = await sharp(bytes, { limitInputPixels: false }).metadata();
    const { format, width, height, orientation } = header;
    if (readableFormats.has(format) && width > 0 && height > 0) {
      return { width, height, orientation };
    }
    throw new Error(`format ${format}, ${width}×${height}`);
  } catch (cause) {
    throw unreadable(label, (cause as Error).message, cause);
  }
}

/** The pixels of a photo as 8-bit RGB from top to bottom; its orientation is not applied. */
export function toRgb({ bytes }: EncodedPhoto): Sharp {
  return sharp(bytes, {
    failOn: "error",
    ignoreIcc: true,
    limitInputPixels: false,
    sequentialRead: true,
  })
    .removeAlpha()
    .toColourspace("srgb");
}

/** Decodes into memory. @throws `PHOTO_UNREADABLE` */
export async function decodeEncoded(encoded: EncodedPhoto): Promise<Picture> {
  try {
    const { data, info } = await toRgb(encoded)
      .autoOrient()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    // Plainly a Uint8Array: a Buffer's slice() would not copy.
    const bytesRgb = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const picture = { data: bytesRgb, widthPx: info.width, heightPx: info.height };
    assertPicture(picture);
    return picture;
  } catch (cause) {
    throw unreadable(encoded.label, (cause as Error).message, cause);
  }
}

export function unreadable(label: string, cameWith: string, cause?: unknown): OrangeryError {
  // A decoder may have a line for everything that it stumbled over.
  const [reason = ""] = cameWith.split("\n");
  return new OrangeryError(
    "PHOTO_UNREADABLE",
    `Expected a whole ${formatNames} photo, got one that cannot be decoded (${label}): ${reason}. ` +
      "Open it in an image viewer; copy it again or convert it.",
    { cause, details: { photo: label, reason } },
  );
}
