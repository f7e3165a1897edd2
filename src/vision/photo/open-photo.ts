import { checkOptions, numberFrom } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import {
  type DecodeOptions,
  decodeEncoded,
  type EncodedPhoto,
  isEncoded,
  readEncoded,
} from "./decode-picture.ts";
import { Orientation } from "./orientation.ts";
import { assertPicture, classNameOf, type Picture, type PictureInput } from "./picture.ts";
import { PictureOnDisk } from "./picture-on-disk.ts";
import { PictureSlice } from "./picture-slice.ts";
import { ReducedPicture } from "./reduced-picture.ts";
import type { Slice } from "./slice.ts";

/** The pixels of a photo, in memory or on disk. */
export type Pixels = Picture | PictureOnDisk;

/** A photo in any form: a path, a `file:` URL, encoded bytes, or its pixels. */
export type PhotoInput = PictureInput | PictureOnDisk;

/** How a photo is opened. */
export interface OpenPhotoOptions extends DecodeOptions {
  /**
   * Photos of more pixels are unpacked to a temporary file instead of memory. Default 64 million:
   * photos of cameras stay in memory, with 192 MB at most, and a photo of 200 million pixels takes
   * 60 MB of memory instead of 600, or 1,200 where it has to be turned.
   */
  readonly pixelsInMemory?: number | undefined;
}

const defaultPixelsInMemory = 64_000_000;

/** An open photo; disposing it releases its memory or its file. */
export interface OpenPhoto<T = Pixels> extends AsyncDisposable {
  readonly pixels: T;
}

/**
 * Makes a photo's pixels available, whatever its size. Pixels that are passed in stay the caller's.
 *
 * @throws `INVALID_ARGUMENT`, `PHOTO_NOT_FOUND`, `PHOTO_UNREADABLE`, `PHOTO_TOO_LARGE`,
 *   `PHOTO_NO_SPACE`, or the signal's reason.
 */
export async function openPhoto(
  source: PhotoInput,
  { pixelsInMemory, ...options }: OpenPhotoOptions = {},
): Promise<OpenPhoto> {
  checkOptions({ pixelsInMemory }, numberFrom(0));
  const { signal } = options;
  if (source instanceof PictureOnDisk) return borrow(source);
  if (!isEncoded(source)) {
    if (typeof source !== "object" || source === null || !("data" in source)) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        "Expected a photo as a path, a file: URL, encoded bytes or a raw picture, got " +
          `${typeof source === "object" ? classNameOf(source) : String(source)}. Read ` +
          "anything else into bytes first, as in `new Uint8Array(await response.arrayBuffer())`.",
      );
    }
    assertPicture(source);
    return borrow(source);
  }
  return await decodeAll(await readEncoded(source, options), { pixelsInMemory, signal });
}

/** How a photo is opened of which less than its pixels may be enough. */
export interface OpenReducedOptions extends OpenPhotoOptions {
  /** Returns the size that is wanted of a photo of this size. */
  readonly wantedWhOf: (
    photoWh: readonly [width: number, height: number],
  ) => readonly [width: number, height: number];
}

/**
 * Opens a photo as {@link openPhoto} does, but for a JPEG that is much larger than wanted: that is
 * decoded at a fraction of its size.
 *
 * @throws as {@link openPhoto}
 */
export async function openReduced(
  source: PhotoInput | ReducedPicture,
  { wantedWhOf, pixelsInMemory, ...options }: OpenReducedOptions,
): Promise<OpenPhoto<Pixels | ReducedPicture>> {
  if (source instanceof ReducedPicture) return borrow(source);
  if (!isEncoded(source)) return await openPhoto(source, options);
  const { signal } = options;
  const encoded = await readEncoded(source, options);
  const photoWh = new Orientation(encoded.orientation, encoded.storedWh).uprightWh;
  const sizes = { photoWh, wantedWh: wantedWhOf(photoWh) };
  if (!ReducedPicture.isWorthwhile(encoded, sizes)) {
    return await decodeAll(encoded, { pixelsInMemory, signal });
  }
  const pixels = await ReducedPicture.decode(encoded, sizes);
  signal?.throwIfAborted();
  return borrow(pixels);
}

/** Opens a photo with all its pixels that was decoded without. */
export async function openWhole(
  pixels: Pixels | ReducedPicture,
  options: Pick<OpenPhotoOptions, "pixelsInMemory" | "signal"> = {},
): Promise<OpenPhoto> {
  return pixels instanceof ReducedPicture
    ? await decodeAll(pixels.encoded, options)
    : borrow(pixels);
}

async function decodeAll(
  encoded: EncodedPhoto,
  {
    pixelsInMemory = defaultPixelsInMemory,
    signal,
  }: Pick<OpenPhotoOptions, "pixelsInMemory" | "signal">,
): Promise<OpenPhoto> {
  const [width, height] = encoded.storedWh;
  if (width * height > pixelsInMemory) {
    const pixels = await PictureOnDisk.decode(encoded, { signal });
    return { pixels, [Symbol.asyncDispose]: () => pixels[Symbol.asyncDispose]() };
  }
  const pixels = await decodeEncoded(encoded);
  signal?.throwIfAborted();
  return { pixels, [Symbol.asyncDispose]: async () => release(pixels) };
}

/** If left to the garbage collector, decoded photos pile up: ten threads held 55 MB each. */
function release({ data }: Picture): void {
  if (data.buffer.byteLength === data.byteLength) (data.buffer as ArrayBuffer).transfer(0);
}

function borrow<T extends Pixels | ReducedPicture>(pixels: T): OpenPhoto<T> {
  return { pixels, async [Symbol.asyncDispose]() {} };
}

/**
 * Returns a slice of a photo: of one in memory where its pixels are, of one on disk a copy.
 *
 * @throws `INVALID_ARGUMENT` when the slice does not lie within the photo.
 */
export async function slicePixels(
  pixels: Pixels,
  slice: Slice,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PictureSlice> {
  if (!(pixels instanceof PictureOnDisk)) return new PictureSlice(pixels, slice);
  return PictureSlice.whole(await pixels.cut(slice, options));
}
