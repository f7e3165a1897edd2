import { decodeRgb, type EncodedPhoto, undecodable } from "./decode-picture.ts";
import { assertPicture, type Picture } from "./picture.ts";

/**
 * How a photo is decoded: with all its pixels, or, where a JPEG is much larger than it is needed,
 * at a fraction of its size.
 */
export type DecodeMode = "exact" | "fast";

/**
 * A JPEG that was decoded at a half, a quarter or an eighth of its size, which its format allows
 * without computing all pixels, and resized to the size that is wanted. Those are not the pixels of
 * `cv2.resize`, which takes a few of a large photo's pixels and leaves out the others. Of libvips'
 * filters, Lanczos' found again the most of the objects that a network had found.
 */
export class ReducedPicture {
  /** Of the photo, after its orientation was applied. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** The pixels that there are. */
  readonly picture: Picture;
  /** To decode it with all its pixels. */
  readonly encoded: EncodedPhoto;

  private constructor(encoded: EncodedPhoto, photoWh: Size, picture: Picture) {
    [this.widthPx, this.heightPx] = photoWh;
    this.picture = picture;
    this.encoded = encoded;
  }

  /** Whether a photo can be decoded at a fraction of its size that is worth it. */
  static isWorthwhile({ format, plan }: EncodedPhoto, { photoWh, wantedWh }: Sizes): boolean {
    const shrink = Math.min(photoWh[0] / wantedWh[0], photoWh[1] / wantedWh[1]);
    return format === "jpeg" && plan.layout === "rgb" && shrink >= leastShrink;
  }

  /** @throws `PHOTO_UNREADABLE` */
  static async decode(
    encoded: EncodedPhoto,
    { photoWh, wantedWh }: Sizes,
  ): Promise<ReducedPicture> {
    const [width, height] = wantedWh;
    try {
      const picture = await decodeRgb(encoded, (upright) =>
        upright.resize(width, height, { fit: "fill", kernel: "lanczos3" }),
      );
      assertPicture(picture);
      return new ReducedPicture(encoded, photoWh, picture);
    } catch (cause) {
      throw undecodable(encoded, cause);
    }
  }
}

/** Below it, libvips decodes all pixels of a JPEG before it resizes. */
const leastShrink = 3;

type Size = readonly [width: number, height: number];

interface Sizes {
  /** After the orientation was applied. */
  readonly photoWh: Size;
  readonly wantedWh: Size;
}
