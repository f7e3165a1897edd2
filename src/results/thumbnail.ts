import sharp from "sharp";
import { isOrangeryError } from "../errors.ts";
import type { PhotoSources } from "../pipeline/sources/photo-sources.ts";

/** A small copy of a photo, or why there is none. */
export type Thumbnail =
  | { readonly webp: Uint8Array; readonly widthPx: number; readonly heightPx: number }
  | { readonly missing: string };

export interface ThumbnailOptions {
  readonly sources: Pick<PhotoSources, "read">;
  /** Of the bytes that the result is of. */
  readonly contentSha256: string;
  /** The longer side; smaller photos stay as they are. */
  readonly maxSidePx: number;
  /** Reached by a coarser quality, and then by a smaller size. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

const qualities = [76, 60, 44];

/** A copy of the photo at `source` as WebP. A photo that is gone or changed has none. */
export async function makeThumbnail(
  source: string,
  { sources, contentSha256, maxSidePx, maxBytes, signal }: ThumbnailOptions,
): Promise<Thumbnail> {
  try {
    const { bytes, content } = await sources.read(source, { signal });
    if (content.sha256 !== contentSha256) return { missing: "The photo was changed since." };
    for (let side = maxSidePx; ; side = Math.round(side / 1.5)) {
      const { data, info } = await sharp(bytes)
        .autoOrient()
        .resize(side, side, { fit: "inside", withoutEnlargement: true })
        .flatten()
        .raw()
        .toBuffer({ resolveWithObject: true });
      signal?.throwIfAborted();
      const { width: widthPx, height: heightPx, channels } = info;
      for (const quality of qualities) {
        const raw = { width: widthPx, height: heightPx, channels };
        const webp = await sharp(data, { raw }).webp({ quality }).toBuffer();
        if (webp.byteLength <= maxBytes) return { webp, widthPx, heightPx };
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    const isGone = isOrangeryError(error, "PHOTO_NOT_FOUND");
    return { missing: isGone ? "The photo cannot be found." : "The photo cannot be read." };
  }
}
