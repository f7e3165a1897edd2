import type { Picture } from "./picture.ts";
import { assertSlice, type Slice } from "./slice.ts";

/** A part of a decoded photo, whose pixels are read where they are: nothing is copied. */
export class PictureSlice {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly #picture: Picture;
  readonly #slice: Slice;

  /** @throws `INVALID_ARGUMENT` when the slice does not lie within the photo. */
  constructor(picture: Picture, slice: Slice) {
    assertSlice(slice, picture);
    this.widthPx = slice.width;
    this.heightPx = slice.height;
    this.#picture = picture;
    this.#slice = slice;
  }

  /** The whole picture as one slice. */
  static whole(picture: Picture): PictureSlice {
    const { widthPx: width, heightPx: height } = picture;
    return new PictureSlice(picture, { left: 0, top: 0, width, height });
  }

  /** Whether the photo was also read in grey. */
  get hasGrey(): boolean {
    return this.#picture.grey !== undefined;
  }

  /** Returns the RGB bytes of a row, from the top. */
  row(y: number): Uint8Array {
    return this.#rowOf(this.#picture.data, 3, y);
  }

  /** Returns the grey bytes of a row, which a photo has that was also read in grey. */
  greyRow(y: number): Uint8Array {
    return this.#rowOf(this.#picture.grey ?? new Uint8Array(), 1, y);
  }

  #rowOf(bytes: Uint8Array, bytesPerPixel: number, y: number): Uint8Array {
    const { left, top, width } = this.#slice;
    const start = bytesPerPixel * ((top + y) * this.#picture.widthPx + left);
    return bytes.subarray(start, start + bytesPerPixel * width);
  }
}
