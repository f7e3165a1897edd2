/** The fields of a TIFF's first page that describe its samples. */
export interface TiffTags {
  readonly photometric: number;
  readonly compression: number;
  readonly samples: number;
  readonly bits: number;
  /** 1: unsigned, 2: signed, 3: floating point. */
  readonly sampleFormat: number;
  /** The kinds of the other samples. 0: not stated, 1: alpha, multiplied in, 2: alpha. */
  readonly extraSamples: readonly number[];
}

const tag = {
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  samplesPerPixel: 277,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

/** The bytes of the value types of these fields: BYTE, SHORT, LONG and LONG8. */
const bytesOfType: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 16: 8 };

/**
 * Reads these fields of a TIFF or BigTIFF (TIFF 6.0, section 2). Returns undefined for another
 * file, or one that ends before them.
 */
export function readTiffTags(bytes: Uint8Array): TiffTags | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return readTags(view);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readTags(view: DataView): TiffTags | undefined {
  const order = view.getUint16(0);
  const isLittle = order === 0x4949;
  if (!isLittle && order !== 0x4d4d) return undefined;
  const version = view.getUint16(2, isLittle);
  if (version !== 42 && version !== 43) return undefined;
  const isBig = version === 43;
  const readUint = (at: number, size: number): number => {
    if (size === 8) return Number(view.getBigUint64(at, isLittle));
    if (size === 4) return view.getUint32(at, isLittle);
    return size === 2 ? view.getUint16(at, isLittle) : view.getUint8(at);
  };
  const wordBytes = isBig ? 8 : 4;
  const directory = readUint(isBig ? 8 : 4, wordBytes);
  const entryCount = readUint(directory, isBig ? 8 : 2);
  const firstEntry = directory + (isBig ? 8 : 2);
  const entryBytes = isBig ? 20 : 12;

  const valuesOf = (wanted: number): number[] => {
    for (let i = 0; i < entryCount; i++) {
      const entry = firstEntry + i * entryBytes;
      if (readUint(entry, 2) !== wanted) continue;
      const size = bytesOfType[readUint(entry + 2, 2)] ?? 0;
      const count = Math.min(readUint(entry + 4, wordBytes), 64);
      const field = entry + 4 + wordBytes;
      const at = size * count <= wordBytes ? field : readUint(field, wordBytes);
      return size === 0
        ? []
        : Array.from({ length: count }, (_, k) => readUint(at + k * size, size));
    }
    return [];
  };
  return {
    photometric: valuesOf(tag.photometric)[0] ?? 0,
    compression: valuesOf(tag.compression)[0] ?? 1,
    samples: valuesOf(tag.samplesPerPixel)[0] ?? 1,
    bits: valuesOf(tag.bitsPerSample)[0] ?? 1,
    sampleFormat: valuesOf(tag.sampleFormat)[0] ?? 1,
    extraSamples: valuesOf(tag.extraSamples),
  };
}
