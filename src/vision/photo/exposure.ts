import { type Pixels, slicePixels } from "./open-photo.ts";
import { ReducedPicture } from "./reduced-picture.ts";
import type { Slice } from "./slice.ts";

/** A strange brightness of a photo, whose result should be checked. */
export type ExposureWarning = "nearly-black" | "nearly-white" | "no-contrast";

/** Of 255. A photo whose brightest hundredth is darker shows hardly anything. */
const darkLevel = 24;
/** A photo whose darkest hundredth is brighter shows hardly anything, either. */
const brightLevel = 240;
/** The least distance between the two. A field in fog has about 40. */
const leastContrast = 12;

/** The rows and columns of parts that are checked, and their longest side, px. */
const grid = 6;
const partPx = 64;

/**
 * Warns of photos that are nearly black, nearly white or all of one brightness, from 36 parts
 * spread over the photo. 12-bit values in a 16-bit file, for example, come out nearly black: at
 * most 15 of 255.
 */
export async function exposureWarnings(
  photo: Pixels | ReducedPicture,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly ExposureWarning[]> {
  const pixels = photo instanceof ReducedPicture ? photo.picture : photo;
  const levels = new Uint32Array(256);
  let count = 0;
  for (const part of partsOf(pixels)) {
    const slice = await slicePixels(pixels, part, options);
    for (let y = 0; y < slice.heightPx; y++) {
      const row = slice.row(y);
      for (let i = 0; i < row.length; i += 3) {
        // Rec. 601's weights of 255ths, in 256ths.
        const level = (77 * row[i]! + 150 * row[i + 1]! + 29 * row[i + 2]!) >> 8;
        levels[level]!++;
      }
    }
    count += part.width * part.height;
  }
  const [dark, bright] = [levelAt(levels, 0.01 * count), levelAt(levels, 0.99 * count)];
  const warnings: ExposureWarning[] = [];
  if (bright <= darkLevel) warnings.push("nearly-black");
  if (dark >= brightLevel) warnings.push("nearly-white");
  if (bright - dark < leastContrast) warnings.push("no-contrast");
  return warnings;
}

function partsOf({ widthPx, heightPx }: Pixels): Slice[] {
  const [width, height] = [Math.min(partPx, widthPx), Math.min(partPx, heightPx)];
  const starts = (extent: number, part: number) =>
    new Set(Array.from({ length: grid }, (_, i) => Math.floor(((extent - part) * i) / (grid - 1))));
  return [...starts(heightPx, height)].flatMap((top) =>
    [...starts(widthPx, width)].map((left) => ({ left, top, width, height })),
  );
}

/** The level that `rank` pixels do not exceed. */
function levelAt(levels: Uint32Array, rank: number): number {
  let seen = 0;
  return levels.findIndex((count) => {
    seen += count;
    return seen > rank;
  });
}
