/**
 * Returns the same JPEG declared as red, green and blue, so that a decoder hands out the brightness
 * (Y) as red, without computing colours. That is a matter of two markers: a JFIF one, which means
 * YCbCr, and one of Adobe, which names the colours. Returns undefined for a JPEG of other colours.
 */
export function declareLumaAsRed(jpeg: Uint8Array): Uint8Array | undefined {
  const header = readHeader(jpeg);
  if (header === undefined || !isYcbcr(header)) return undefined;
  return Buffer.concat([startOfImage, adobeRgb, ...header.kept, jpeg.subarray(header.end)]);
}

const marker = { jfif: 0xe0, adobe: 0xee, scan: 0xda, fill: 0xff } as const;
const startOfImage = Uint8Array.of(0xff, 0xd8);
const adobeRgb = Buffer.from("ffee000e41646f626500640000000000", "hex");

interface JpegHeader {
  readonly componentIds: readonly number[];
  readonly hasJfif: boolean;
  readonly adobeTransform: number | undefined;
  /** All segments but those that name the colours. */
  readonly kept: readonly Uint8Array[];
  /** Where the first scan begins. */
  readonly end: number;
}

/** As libjpeg decides it. */
function isYcbcr({ componentIds, hasJfif, adobeTransform }: JpegHeader): boolean {
  if (componentIds.length !== 3) return false;
  if (hasJfif) return true;
  if (adobeTransform !== undefined) return adobeTransform !== 0;
  return String.fromCharCode(...componentIds) !== "RGB";
}

/** Reads the segments before the first scan. Undefined where anything lies between them. */
function readHeader(jpeg: Uint8Array): JpegHeader | undefined {
  let componentIds: number[] = [];
  let hasJfif = false;
  let adobeTransform: number | undefined;
  const kept: Uint8Array[] = [];
  for (let at = 2; at + 4 <= jpeg.length && jpeg[at] === 0xff; ) {
    const kind = jpeg[at + 1]!;
    if (kind === marker.fill) {
      at++;
      continue;
    }
    if (kind === marker.scan) return { componentIds, hasJfif, adobeTransform, kept, end: at };
    const segment = jpeg.subarray(at, at + 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!));
    const name = String.fromCharCode(...segment.subarray(4, 9));
    if (kind === marker.jfif && name === "JFIF\0") hasJfif = true;
    else if (kind === marker.adobe && name === "Adobe") adobeTransform = segment[15];
    else kept.push(segment);
    if (isFrame(kind)) {
      componentIds = Array.from({ length: segment[9]! }, (_, i) => segment[10 + 3 * i]!);
    }
    at += segment.length;
  }
  return undefined;
}

/** Whether a marker starts a frame: C0 to CF, without those of tables. */
function isFrame(kind: number): boolean {
  return kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind);
}
