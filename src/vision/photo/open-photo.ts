import { OrangeryError } from "../../errors.ts";
import { type DecodeOptions, decodeEncoded, readEncoded } from "./decode-picture.ts";
import { assertPicture, type Picture, type PictureInput } from "./picture.ts";
import { PictureOnDisk } from "./picture-on-disk.ts";
import { PictureSlice } from "./picture-slice.ts";
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
export interface OpenPhoto extends AsyncDisposable {
  readonly pixels: Pixels;
}

/**
 * Makes a photo's pixels available, whatever its size. Pixels that are passed in stay the caller's.
 *
 * @throws `INVALID_ARGUMENT`, `PHOTO_NOT_FOUND`, `PHOTO_UNREADABLE`, `PHOTO_TOO_LARGE`,
 *   `PHOTO_NO_SPACE`, or the signal's reason.
 */
export async function openPhoto(
  source: PhotoInput,
  { pixelsInMemory = defaultPixelsInMemory, ...options }: OpenPhotoOptions = {},
): Promise<OpenPhoto> {
  const { signal } = options;
  if (source instanceof PictureOnDisk) return borrow(source);
  const isFile =
    typeof source === "string" || source instanceof URL || source instanceof Uint8Array;
  if (!isFile) {
    if (typeof source !== "object" || source === null) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a photo as a path, a file: URL, encoded bytes or a raw picture, got ${source}.`,
      );
    }
    assertPicture(source);
    return borrow(source);
  }
  const encoded = await readEncoded(source, options);
  const [width, height] = encoded.storedWh;
  if (width * height > pixelsInMemory) {
    const pixels = await PictureOnDisk.decode(encoded, { signal });
    return { pixels, [Symbol.asyncDispose]: () => pixels[Symbol.asyncDispose]() };
  }
  const pixels = await decodeEncoded(encoded);
  signal?.throwIfAborted();
  return borrow(pixels);
}

function borrow(pixels: Pixels): OpenPhoto {
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
