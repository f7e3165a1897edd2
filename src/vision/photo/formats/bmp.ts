import type { Picture } from "../picture.ts";

/** The header of a BMP: where its pixels are and what they mean. */
export interface BmpHeader {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Whether the first row is the upper one. */
  readonly isTopDown: boolean;
  readonly bits: number;
  /** Where the pixels begin in the file. */
  readonly pixelsAt: number;
  readonly rowBytes: number;
  /** Of palettes: 4 bytes a colour, or 3 in the oldest header. */
  readonly paletteAt: number;
  readonly paletteEntryBytes: number;
  readonly paletteLength: number;
  /** Bit masks of red, green and blue; undefined for a palette. */
  readonly masks: readonly [red: number, green: number, blue: number] | undefined;
}

const plain = 0;
const bitFields = [3, 6];
const compressions: Readonly<Record<number, string>> = {
  1: "run lengths",
  2: "run lengths",
  4: "JPEG",
  5: "PNG",
};
const masksOf: Readonly<Record<number, BmpHeader["masks"]>> = {
  16: [0x7c00, 0x3e0, 0x1f],
  24: [0xff0000, 0xff00, 0xff],
  32: [0xff0000, 0xff00, 0xff],
};

/**
 * Reads the header of a BMP of 1, 4, 8, 16, 24 or 32 bits; undefined for other files.
 *
 * @throws an error that says what is wrong with it
 */
export function readBmpHeader(bytes: Uint8Array): BmpHeader | undefined {
  if (bytes[0] !== 0x42 || bytes[1] !== 0x4d || bytes.length < 26) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint32(14, true);
  const isOldest = headerBytes === 12;
  if (!isOldest && headerBytes < 40) return undefined;
  if (bytes.length < 14 + headerBytes) throw new Error("it is cut off in its header");

  const widthPx = isOldest ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = isOldest ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(isOldest ? 24 : 28, true);
  const compression = isOldest ? plain : view.getUint32(30, true);
  if (widthPx < 1 || height === 0) throw new Error(`it has ${widthPx}×${height} pixels`);
  const hasMasks = bitFields.includes(compression);
  if (compression !== plain && !hasMasks) {
    const name = compressions[compression] ?? `method ${compression}`;
    throw new Error(`it is a BMP picture that is compressed by ${name}, which is not read`);
  }
  const masks = hasMasks ? readMasks(view, bits) : masksOf[bits];
  if (masks === undefined && ![1, 4, 8].includes(bits)) {
    throw new Error(`it is a BMP picture of ${bits} bits, which is not read`);
  }
  const header = {
    widthPx,
    heightPx: Math.abs(height),
    isTopDown: height < 0,
    bits,
    pixelsAt: view.getUint32(10, true),
    rowBytes: Math.ceil((widthPx * bits) / 32) * 4,
    paletteAt: 14 + headerBytes,
    paletteEntryBytes: isOldest ? 3 : 4,
    paletteLength: (isOldest ? 0 : view.getUint32(46, true)) || 2 ** Math.min(bits, 8),
    masks,
  };
  if (bytes.length < header.pixelsAt + header.rowBytes * header.heightPx) {
    throw new Error("it is cut off");
  }
  return header;
}

/** They follow the smallest header, and are part of the larger ones. */
function readMasks(view: DataView, bits: number): BmpHeader["masks"] {
  if (view.byteLength < 66) throw new Error("it is cut off in its header");
  const masks = [54, 58, 62].map((at) => view.getUint32(at, true)) as [number, number, number];
  const widths = masks.map((mask) => (mask >>> shiftOf(mask)).toString(2));
  const isRead = bits === 32 ? /^(1{8},?){3}$/ : /^1{5},1{5,6},1{5}$/;
  if ((bits === 16 || bits === 32) && isRead.test(widths.join())) return masks;
  throw new Error(`it is a BMP picture of ${bits} bits in an unusual order, which is not read`);
}

function shiftOf(mask: number): number {
  return mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
}

/** Decodes a BMP to OpenCV's RGB: palettes as they are, 5 bits of a colour as the upper of 8. */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): Picture {
  const { widthPx, heightPx, bits, masks } = header;
  const data = new Uint8Array(3 * widthPx * heightPx);
  const palette = masks === undefined ? readPalette(bytes, header) : undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shifts = masks?.map(shiftOf) ?? [];
  const pixelBytes = bits >> 3;
  for (let y = 0, at = 0; y < heightPx; y++) {
    const row = header.isTopDown ? y : heightPx - 1 - y;
    const start = header.pixelsAt + row * header.rowBytes;
    for (let x = 0; x < widthPx; x++) {
      if (palette !== undefined) {
        const bit = x * bits;
        const index = (bytes[start + (bit >> 3)]! >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
        for (let c = 0; c < 3; c++) data[at++] = palette[3 * index + c]!;
      } else if (bits === 24) {
        for (let c = 2; c >= 0; c--) data[at++] = bytes[start + 3 * x + c]!;
      } else {
        const offset = start + pixelBytes * x;
        const value = bits === 16 ? view.getUint16(offset, true) : view.getUint32(offset, true);
        for (let c = 0; c < 3; c++) data[at++] = scaled(value, masks![c]!, shifts[c]!);
      }
    }
  }
  return { data, widthPx, heightPx };
}

function scaled(value: number, mask: number, shift: number): number {
  const bits = 32 - Math.clz32(mask >>> shift);
  return ((value & mask) >>> shift) << (8 - bits);
}

/** The colours of a palette, RGB; black beyond its end. */
function readPalette(bytes: Uint8Array, header: BmpHeader): Uint8Array {
  const palette = new Uint8Array(3 * 256);
  const { paletteAt, paletteEntryBytes, pixelsAt } = header;
  const length = Math.min(header.paletteLength, 256);
  for (let index = 0; index < length; index++) {
    const at = paletteAt + paletteEntryBytes * index;
    if (at + 3 > Math.min(pixelsAt, bytes.length)) break;
    for (let c = 0; c < 3; c++) palette[3 * index + c] = bytes[at + 2 - c]!;
  }
  return palette;
}
