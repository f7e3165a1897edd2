import sharp from "sharp";
import { type ErrorCode, isOrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { reducePhoto } from "../../../vision/drawing/reduce-photo.ts";
import { openPhoto } from "../../../vision/photo/open-photo.ts";

/** Wide enough for a screen. */
const pictureSidePx = 1280;

/** Adds a picture to each photo of a page. One that takes long is left out. */
export async function withThumbnails<Photo extends CountedPhoto>(
  shown: readonly Photo[],
  options: Pick<ThumbnailOptions, "maxBytes" | "signal">,
): Promise<WithThumbnail<Photo>[]> {
  using photos = new PhotoReader({ attempts: 1, timeoutMs: 20_000 });
  const shots: WithThumbnail<Photo>[] = [];
  for (const photo of shown) {
    const { source, contentSha256 } = photo.result;
    const how = { ...options, photos, contentSha256, maxSidePx: pictureSidePx };
    shots.push({ ...photo, thumbnail: await makeThumbnail(source, how) });
  }
  return shots;
}

interface CountedPhoto {
  readonly result: Pick<StoredResult, "source" | "contentSha256">;
}

type WithThumbnail<Photo> = Photo & { readonly thumbnail: Thumbnail };

/** A small copy of a photo, or why there is none. */
export type Thumbnail =
  | { readonly webp: Uint8Array; readonly widthPx: number; readonly heightPx: number }
  | { readonly missing: string };

export interface ThumbnailOptions {
  readonly photos: Pick<PhotoReader, "read">;
  /** Of the photo when it was counted. */
  readonly contentSha256: string;
  /** The longer side; smaller photos stay as they are. */
  readonly maxSidePx: number;
  /** Kept by a lower quality, and then by a smaller size. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

const qualities = [76, 60, 44];

const reasons: { readonly [code in ErrorCode]?: string } = {
  PHOTO_NOT_FOUND: "The photo cannot be found.",
  PHOTO_FETCH_FAILED: "The photo cannot be fetched.",
  PHOTO_ADDRESS_REFUSED: "The photo is at a private address, which a report does not fetch.",
  PACKAGE_MISSING: "The package that would fetch the photo is not installed.",
  PHOTO_NO_SPACE: "There is no room to unpack the photo.",
};

/**
 * Makes a copy of the photo at `source` as WebP, of the pixels that the models were given. A photo
 * that is gone or has changed has none.
 */
export async function makeThumbnail(
  source: string,
  { photos, contentSha256, maxSidePx, maxBytes, signal }: ThumbnailOptions,
): Promise<Thumbnail> {
  try {
    const { bytes, content } = await photos.read(source, { signal });
    if (content.sha256 !== contentSha256)
      return { missing: "The photo has changed since it was counted." };
    // The limit was checked when it was counted.
    await using photo = await openPhoto(bytes, { maxPixels: Infinity, signal });
    const { picture } = await reducePhoto(photo.pixels, { signal });
    const raw = { width: picture.widthPx, height: picture.heightPx, channels: 3 } as const;
    for (let side = maxSidePx; ; side = Math.round(side / 1.5)) {
      const { data, info } = await sharp(picture.data, { raw, limitInputPixels: false })
        .resize(side, side, { fit: "inside", withoutEnlargement: true })
        .raw()
        .toBuffer({ resolveWithObject: true });
      signal?.throwIfAborted();
      for (const quality of qualities) {
        const webp = await sharp(data, { raw: info }).webp({ quality }).toBuffer();
        if (webp.byteLength <= maxBytes) {
          return { webp, widthPx: info.width, heightPx: info.height };
        }
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!isOrangeryError(error)) throw error;
    return { missing: reasons[error.code] ?? "The photo cannot be read." };
  }
}
