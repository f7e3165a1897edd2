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

/** Checks that raw input is a {@link Picture}. @throws `INVALID_ARGUMENT` */
export function assertPicture(picture: Picture): void {
  const { data, widthPx, heightPx } = picture;
  const isSide = (value: number) => Number.isInteger(value) && value > 0;
  const expected = 3 * widthPx * heightPx;
  if (isSide(widthPx) && isSide(heightPx) && data instanceof Uint8Array) {
    if (data.length === expected) return;
  }
  const got = `${data?.length} of ${data?.constructor?.name} for ${widthPx}×${heightPx}`;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a raw picture of 3·widthPx·heightPx RGB bytes in a Uint8Array, got ${got}.`,
    { details: { expected, value: data?.length, widthPx, heightPx } },
  );
}
