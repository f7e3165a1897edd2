import { OrangeryError } from "../../errors.ts";

/** A decoded photo: 8-bit sRGB, interleaved RGB, rows from top to bottom without gaps. */
export interface Picture {
  /** `3 · widthPx · heightPx` bytes. */
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
  /**
   * The photo in grey, a byte for each pixel, for networks of one channel. Default: mixed from
   * `data`.
   */
  readonly grey?: Uint8Array | undefined;
}

/** A path, a `file:` URL, the bytes of an encoded photo, or a decoded one. */
export type PictureInput = string | URL | Uint8Array | Picture;

/** Checks that raw input is a {@link Picture}. @throws `INVALID_ARGUMENT` */
export function assertPicture(picture: Picture): void {
  const { data, widthPx, heightPx, grey } = (picture ?? {}) as Picture;
  const isSide = (value: number) => Number.isInteger(value) && value > 0;
  const expected = 3 * widthPx * heightPx;
  if (isSide(widthPx) && isSide(heightPx) && data instanceof Uint8Array) {
    const fits = grey === undefined || 3 * grey.length === expected;
    if (data.length === expected && fits) return;
  }
  const got =
    data === undefined
      ? classNameOf(picture)
      : `${data?.length} of ${classNameOf(data)} for ${widthPx}×${heightPx}`;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a raw picture of 3·widthPx·heightPx RGB bytes in a Uint8Array, got ${got}.`,
    { details: { expected, value: data?.length, widthPx, heightPx } },
  );
}

/** Names what something is, for a message: its class, or itself where it has none. */
export function classNameOf(value: unknown): string {
  return value?.constructor?.name ?? String(value);
}

/**
 * Returns bytes that other threads can read: a copy of those whose buffer may shrink meanwhile,
 * which would end the process.
 */
export function steadyBytes(bytes: Uint8Array): Uint8Array {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.resizable ? bytes.slice() : bytes;
}
