import { readFile } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import { abortSignal, checkOptions, numberFrom } from "../../base/check-options.ts";
import { describeFile } from "../../base/files/file-kind.ts";
import { OrangeryError } from "../../errors.ts";
import { decodeBmp, readBmpHeader } from "./formats/bmp.ts";
import { decodeHeic, isDecodedByLibvips } from "./formats/heic.ts";
import { assertPicture, classNameOf, type Picture, steadyBytes } from "./picture.ts";
import { greyPlane } from "./samples/grey-plane.ts";
import { withExifFirst } from "./samples/png-chunks.ts";
import {
  checkSampleOptions,
  planColours,
  planSamples,
  refuseUnusableTiff,
  type SampleOptions,
  type SamplePlan,
  UnusableSamples,
} from "./samples/sample-layout.ts";
import { samplesToRgb } from "./samples/samples-to-rgb.ts";

/** How a photo is decoded. */
export interface DecodeOptions extends SampleOptions {
  /** Photos with more pixels are refused before they are decoded. Default 268 million. */
  readonly maxPixels?: number | undefined;
  /**
   * Also reads the photo in grey, for networks of one channel: to the bit what OpenCV reads with
   * `IMREAD_GRAYSCALE`. Default false. The grey of a photo that is unpacked to disk is mixed from
   * its RGB, which differs by 1 of 255, and by more at pixels of a JPEG that are purely coloured.
   */
  readonly withGrey?: boolean | undefined;
  /** Decoding cannot be interrupted: an abort is seen before reading and after decoding. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The usual extensions of the formats that {@link decodePicture} reads: lower case, with the dot.
 */
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
  ".mpo",
  ".bmp",
  ".heic",
  ".heif",
  ".hif",
]);

/** We check the limits ourselves, with our own errors. */
const unlimited = { limitInputPixels: false, limitInputChannels: false } as const;

const readableFormats = new Set(["jpeg", "png", "webp", "tiff", "heif"]);
const formatNames = "JPEG, PNG, WebP, TIFF, AVIF, BMP or HEIC";
const defaultMaxPixels = 268_000_000;

/** Whether `path` ends like a photo that {@link decodePicture} reads. Nothing is opened. */
export function hasPictureExtension(path: string): boolean {
  const dot = path.lastIndexOf(".");
  return dot >= 0 && pictureExtensions.includes(path.slice(dot).toLowerCase());
}

/**
 * Decodes a JPEG (also an MPO), PNG, WebP, TIFF, AVIF, BMP or HEIC photo, by its content and not by
 * its name. HEIC takes the package `libheif-js`.
 *
 * The EXIF orientation is applied. Grey, palette, CMYK and 16-bit photos become 8-bit RGB. An alpha
 * channel is dropped, not blended, except for a TIFF's. Of several pages the first is read.
 * Embedded colour profiles are ignored, as in OpenCV and Ultralytics: the numbers in the file are
 * the numbers that a model was trained on, and those of an RGB JPEG are libjpeg-turbo's, bit for
 * bit. An AVIF whose colours are stored at half the size is up to 36 of 255 off at coloured edges:
 * libheif enlarges them otherwise than OpenCV and Pillow.
 *
 * A damaged photo is refused, where OpenCV would fill the missing part with grey: a count from half
 * a photo is a wrong count. As in OpenCV, mere decoder warnings are accepted: stray bytes between a
 * JPEG's segments, flipped bits inside one.
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
  /** Its name in messages. */
  readonly label: string;
  /** As sharp names it, or `bmp`. */
  readonly format: string;
  /** Before its orientation is applied, px. */
  readonly storedWh: readonly [number, number];
  /** EXIF's, 1 to 8. */
  readonly orientation: number | undefined;
  /** How its samples become RGB. */
  readonly plan: SamplePlan;
  readonly sampleOptions: SampleOptions;
  readonly withGrey: boolean;
}

/**
 * Reads a photo's file and its header, but no pixels.
 *
 * @throws as {@link decodePicture}
 */
export async function readEncoded(
  source: string | URL | Uint8Array,
  options: DecodeOptions = {},
): Promise<EncodedPhoto> {
  const { maxPixels = defaultMaxPixels, bands, valueRange, withGrey = false } = options;
  const { signal } = options;
  checkOptions({ maxPixels }, numberFrom(1));
  checkOptions({ signal }, abortSignal);
  if (!isEncoded(source)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a photo as a path, a file: URL or encoded bytes, got ${classNameOf(source)}.`,
    );
  }
  signal?.throwIfAborted();
  const label = labelOf(source);
  const file =
    source instanceof Uint8Array ? steadyBytes(source) : await readPhoto(source, label, signal);
  const bytes = withExifFirst(file);
  if (bytes.byteLength === 0) throw unreadable(label, "it is empty");

  checkSampleOptions({ bands, valueRange });
  const sampleOptions = { bands, valueRange };
  const { width, height, ...rest } = await readHeader(bytes, label, sampleOptions);
  const pixels = width * height;
  if (pixels > maxPixels) {
    throw new OrangeryError(
      "PHOTO_TOO_LARGE",
      `Expected a photo of at most ${maxPixels} pixels, got ${width}×${height} = ` +
        `${pixels} (${label}). Raise the limit (\`maxPixels\`, --max-pixels) or make the photo ` +
        "smaller.",
      { details: { photo: label, expected: maxPixels, value: pixels, width, height } },
    );
  }
  return { bytes, label, storedWh: [width, height], ...rest, sampleOptions, withGrey };
}

/** Whether a photo is given by its file: by a path, a URL or bytes. */
export function isEncoded(source: unknown): source is string | URL | Uint8Array {
  return typeof source === "string" || source instanceof URL || source instanceof Uint8Array;
}

/** No path is longer; what is passed by mistake, such as base64, may be. */
const longestLabel = 4096;

function labelOf(source: string | URL | Uint8Array): string {
  if (source instanceof Uint8Array) return `${source.byteLength} bytes`;
  const label = String(source);
  return label.length > longestLabel ? `${label.slice(0, 100)}…` : label;
}

const beginsAsUrl = /^[a-z][a-z\d+.-]+:/i;

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
    const advice = beginsAsUrl.test(label)
      ? "Give a path, a file: URL as `new URL(…)`, or the bytes that another URL leads to."
      : "Check the path and the rights.";
    throw new OrangeryError(
      "PHOTO_NOT_FOUND",
      `Expected a photo at ${label} that can be opened, got ${reason}. ${advice}`,
      { cause, details: { photo: label, reason } },
    );
  }
}

async function readHeader(bytes: Uint8Array, label: string, sampleOptions: SampleOptions) {
  try {
    const bmp = readBmpHeader(bytes);
    if (bmp !== undefined) {
      const plan = planColours("bmp", sampleOptions);
      const { widthPx: width, heightPx: height } = bmp;
      return { format: "bmp", width, height, orientation: undefined, plan };
    }
    refuseUnusableTiff(bytes, sampleOptions);
    const header = await withImage(sharp(bytes, unlimited), (image) => image.metadata());
    const { format, width, height, orientation } = header;
    if (readableFormats.has(format) && width > 0 && height > 0) {
      const isHeic = header.compression === "hevc" && !isDecodedByLibvips;
      const plan = isHeic
        ? planColours("heic", sampleOptions)
        : planSamples(header, bytes, sampleOptions);
      return { format, width, height, orientation, plan };
    }
    throw new Error(`it is ${describeFile(bytes)}`);
  } catch (cause) {
    throw unreadable(label, reasonOf(cause, bytes), cause);
  }
}

/**
 * Decodes a photo of the layout `rgb` or `alpha` to 8-bit RGB, from top to bottom, without applying
 * its orientation.
 */
export function toRgb(encoded: EncodedPhoto): Sharp {
  const image = openImage(encoded.bytes);
  // Exact where the alpha is 0 or 255, as that of an orthophoto is; within 1 elsewhere.
  const opaque = encoded.plan.layout === "alpha" ? image.flatten({ background: "#000" }) : image;
  return opaque.removeAlpha().toColourspace("srgb");
}

function openImage(bytes: Uint8Array): Sharp {
  return sharp(bytes, {
    failOn: "error",
    ignoreIcc: true,
    ...unlimited,
    sequentialRead: true,
  });
}

/**
 * Uses a sharp image and then empties it. Its options hold a closure that refers back to the image,
 * and Node 24's V8 keeps such a cycle until the next full collection: 14 kB per image, so that the
 * young generation grew to 80 MB over a thousand photos.
 */
export async function withImage<T>(image: Sharp, use: (image: Sharp) => Promise<T>): Promise<T> {
  try {
    return await use(image);
  } finally {
    Reflect.set(image, "options", undefined);
  }
}

/** Decodes into memory. @throws `PHOTO_UNREADABLE` */
export async function decodeEncoded(encoded: EncodedPhoto): Promise<Picture> {
  try {
    const picture = await decodeLayout(encoded);
    assertPicture(picture);
    if (!encoded.withGrey) return picture;
    return {
      ...picture,
      grey: await greyPlane({ ...encoded, open: openImage, rgb: picture.data }),
    };
  } catch (cause) {
    throw undecodable(encoded, cause);
  }
}

async function decodeLayout(encoded: EncodedPhoto): Promise<Picture> {
  const { bytes, storedWh, plan, sampleOptions } = encoded;
  if (plan.layout === "rgb") return await decodeRgb(encoded);
  if (plan.layout === "bmp") return decodeBmp(bytes, readBmpHeader(bytes)!);
  if (plan.layout === "heic") return await decodeHeic({ bytes, storedWh });
  return await samplesToRgb(() => openImage(bytes), plan, sampleOptions);
}

/**
 * Decodes a photo of the layout `rgb` into memory, upright.
 *
 * @param resize Changes its size. Default: it keeps it.
 */
export async function decodeRgb(
  encoded: EncodedPhoto,
  resize: (upright: Sharp) => Sharp = (upright) => upright,
): Promise<Picture> {
  const { data, info } = await withImage(toRgb(encoded), (image) =>
    resize(image.autoOrient()).raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true }),
  );
  // A plain Uint8Array: a Buffer's slice() would not copy.
  const bytesRgb = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { data: bytesRgb, widthPx: info.width, heightPx: info.height };
}

/** Explains why the pixels of a photo cannot be read, whose header can. */
export function undecodable({ label, bytes }: EncodedPhoto, cause: unknown): OrangeryError {
  const { message } = cause as Error;
  // sharp's message when another libvips thread has consumed the reason.
  const isWithoutReason = message.startsWith("Unknown error");
  return unreadable(label, isWithoutReason && isCutOff(bytes) ? "it is cut off" : message, cause);
}

/** Whether a JPEG or PNG lacks its end marker, after which only little may follow. */
function isCutOff(bytes: Uint8Array): boolean {
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(-1024);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return !tail.includes(Buffer.of(0xff, 0xd9));
  return bytes[0] === 0x89 && bytes[1] === 0x50 && !tail.includes("IEND");
}

function unreadable(label: string, reason: string, cause?: unknown): OrangeryError {
  const advice =
    cause instanceof UnusableSamples
      ? cause.advice
      : "Open it in an image viewer; copy it again or convert it.";
  return new OrangeryError(
    "PHOTO_UNREADABLE",
    `Expected a whole ${formatNames} photo, got one that cannot be decoded (${label}): ` +
      `${inOneLine(reason)}. ${advice}`,
    { cause, details: { photo: label, reason } },
  );
}

/**
 * libvips' messages for an unknown file, or an empty one: its threads share one error buffer, and
 * may lose each other's messages.
 */
const withoutReason = /unsupported image format|not in a known format|corrupt header:\s*$/;

/** Explains why a header cannot be read. */
function reasonOf(cause: unknown, bytes: Uint8Array): string {
  const { message } = cause as Error;
  if (!withoutReason.test(message)) return message;
  const kind = describeFile(bytes);
  return `it is ${kind}${/^a (PNG|JPEG) picture$/.test(kind) ? " with a damaged header" : ""}`;
}

const maxReasonLength = 300;

/** Joins the lines of a decoder, which reports each problem in a line, some of them repeatedly. */
function inOneLine(reason: string): string {
  const lines = new Set(
    reason
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean),
  );
  const text = [...lines].join("; ").slice(0, maxReasonLength);
  return /premature end|unexpected end|not enough data/i.test(text)
    ? `it is cut off (${text})`
    : text;
}
