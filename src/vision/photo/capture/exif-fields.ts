/** The fields of EXIF that say when, where and with what a photo was taken, as they are stored. */
export interface ExifFields {
  readonly image: DirectoryFields;
  readonly photo: DirectoryFields;
  readonly gps: DirectoryFields;
}

/** The values of one directory by their numbers. */
export class DirectoryFields {
  readonly #texts: ReadonlyMap<number, string>;
  readonly #numbers: ReadonlyMap<number, readonly number[]>;

  constructor(
    texts: ReadonlyMap<number, string> = new Map(),
    numbers: ReadonlyMap<number, readonly number[]> = new Map(),
  ) {
    this.#texts = texts;
    this.#numbers = numbers;
  }

  /** Returns a text without spaces around it; undefined where it is missing or empty. */
  text(tag: number): string | undefined {
    return this.#texts.get(tag) || undefined;
  }

  numbers(tag: number): readonly number[] {
    return this.#numbers.get(tag) ?? [];
  }

  /** Returns a number that is finite and above 0. */
  positive(tag: number): number | undefined {
    const [value = Number.NaN] = this.numbers(tag);
    return Number.isFinite(value) && value > 0 ? value : undefined;
  }
}

/** The numbers of fields, as in EXIF 2.32. */
export const exifTags = {
  make: 0x010f,
  model: 0x0110,
  dateTime: 0x0132,
  photoDirectory: 0x8769,
  gpsDirectory: 0x8825,
  dateTimeOriginal: 0x9003,
  dateTimeDigitized: 0x9004,
  offsetTime: 0x9010,
  offsetTimeOriginal: 0x9011,
  offsetTimeDigitized: 0x9012,
  focalLength: 0x920a,
  pixelXDimension: 0xa002,
  focalPlaneXResolution: 0xa20e,
  focalPlaneResolutionUnit: 0xa210,
  focalLengthIn35mmFilm: 0xa405,
  bodySerialNumber: 0xa431,
  gpsLatitudeRef: 1,
  gpsLatitude: 2,
  gpsLongitudeRef: 3,
  gpsLongitude: 4,
  gpsAltitudeRef: 5,
  gpsAltitude: 6,
  gpsTimeStamp: 7,
  gpsDateStamp: 29,
} as const;

const wantedTags: ReadonlySet<number> = new Set(Object.values(exifTags));

/** The bytes of each type of value: BYTE, ASCII, SHORT, LONG, RATIONAL, SLONG, SRATIONAL. */
const bytesOfType: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 9: 4, 10: 8 };

/** No wanted field has more values; a hostile file may claim four billion. */
const maxTextBytes = 256;
const maxNumbers = 4;

/**
 * Reads the fields of EXIF, or of a TIFF file, whose first directory is the same. Only fields that
 * are wanted are read, each with its first few values, so that no file takes noticeable time or
 * memory. Returns undefined for other bytes. Directories and values that lie outside are missing.
 */
export function readExifFields(bytes: Uint8Array): ExifFields | undefined {
  const hasPrefix = Buffer.from(bytes.subarray(0, 6)).toString("latin1") === "Exif\0\0";
  const tiff = hasPrefix ? bytes.subarray(6) : bytes;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (view.byteLength < 8) return undefined;
  const order = view.getUint16(0);
  const isLittle = order === 0x4949;
  if ((!isLittle && order !== 0x4d4d) || view.getUint16(2, isLittle) !== 42) return undefined;
  const image = readDirectory(view, view.getUint32(4, isLittle), isLittle);
  const below = (tag: number) => {
    const [at] = image.numbers(tag);
    return at === undefined ? new DirectoryFields() : readDirectory(view, at, isLittle);
  };
  return { image, photo: below(exifTags.photoDirectory), gps: below(exifTags.gpsDirectory) };
}

function readDirectory(view: DataView, start: number, isLittle: boolean): DirectoryFields {
  const texts = new Map<number, string>();
  const numbers = new Map<number, readonly number[]>();
  if (start + 2 > view.byteLength) return new DirectoryFields();
  const stated = view.getUint16(start, isLittle);
  const entryCount = Math.min(stated, Math.floor((view.byteLength - start - 2) / 12));
  for (let i = 0; i < entryCount; i++) {
    const entry = start + 2 + 12 * i;
    const tag = view.getUint16(entry, isLittle);
    if (!wantedTags.has(tag) || texts.has(tag) || numbers.has(tag)) continue;
    const type = view.getUint16(entry + 2, isLittle);
    const size = bytesOfType[type];
    if (size === undefined) continue;
    const count = view.getUint32(entry + 4, isLittle);
    const at = size * count <= 4 ? entry + 8 : view.getUint32(entry + 8, isLittle);
    if (at + size * count > view.byteLength) continue;
    if (type === 2) texts.set(tag, readText(view, at, Math.min(count, maxTextBytes)));
    else {
      const length = Math.min(count, maxNumbers);
      const read = (_: unknown, k: number) => readNumber(view, at + k * size, { type, isLittle });
      numbers.set(tag, Array.from({ length }, read));
    }
  }
  return new DirectoryFields(texts, numbers);
}

/** ASCII by its standard, UTF-8 in practice. */
function readText(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)).trim();
}

interface NumberType {
  readonly type: number;
  readonly isLittle: boolean;
}

/** A fraction with the denominator 0 is no finite number. */
function readNumber(view: DataView, at: number, { type, isLittle }: NumberType): number {
  switch (type) {
    case 1:
      return view.getUint8(at);
    case 3:
      return view.getUint16(at, isLittle);
    case 4:
      return view.getUint32(at, isLittle);
    case 9:
      return view.getInt32(at, isLittle);
    case 5:
      return view.getUint32(at, isLittle) / view.getUint32(at + 4, isLittle);
    default:
      return view.getInt32(at, isLittle) / view.getInt32(at + 4, isLittle);
  }
}
