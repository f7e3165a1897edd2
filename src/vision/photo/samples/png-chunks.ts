/** A part of a PNG, whose type says what is in it. */
interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Where it lies in the file, with its length, type and checksum. */
  readonly start: number;
  readonly end: number;
}

const signature = "\x89PNG\r\n\x1a\n";

/** Yields the chunks of a PNG in their order, without the last where it is cut off. */
export function* pngChunks(png: Uint8Array): Generator<PngChunk> {
  if (String.fromCharCode(...png.subarray(0, 8)) !== signature) return;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let start = 8; start + 12 <= png.length; ) {
    const end = start + 12 + view.getUint32(start);
    if (end > png.length) return;
    const type = String.fromCharCode(...png.subarray(start + 4, start + 8));
    yield { type, data: png.subarray(start + 8, end - 4), start, end };
    start = end;
  }
}

/**
 * Returns a PNG with its EXIF before its pixels, where libvips finds it: it may follow them, and
 * OpenCV and Pillow turn such a photo, too. Other bytes are returned as they are.
 */
export function withExifFirst(bytes: Uint8Array): Uint8Array {
  let pixelsStart: number | undefined;
  for (const { type, start, end } of pngChunks(bytes)) {
    if (type === "IDAT") pixelsStart ??= start;
    if (type !== "eXIf") continue;
    if (pixelsStart === undefined) return bytes;
    return Buffer.concat([
      bytes.subarray(0, pixelsStart),
      bytes.subarray(start, end),
      bytes.subarray(pixelsStart, start),
      bytes.subarray(end),
    ]);
  }
  return bytes;
}
