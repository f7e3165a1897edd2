import type { Metadata } from "sharp";
import { checkOptions, type Expectation } from "../../../base/check-options.ts";
import { readTiffTags, type TiffTags } from "./tiff-tags.ts";

/** The samples of a photo that are used, and the numbers that are black and white. */
export interface SampleOptions {
  /**
   * The bands that are red, green and blue, or the one that is grey, from 1. For photos of several
   * bands, such as those of multispectral cameras. Default: the colours that the file states.
   */
  readonly bands?: readonly number[] | undefined;
  /**
   * The numbers that become 0 and 255, such as [0, 4095] for 12 bits in 16. Numbers between are
   * scaled, numbers outside become the nearer end. Default: the whole range of an 8- or 16-bit
   * sample.
   */
  readonly valueRange?: readonly [black: number, white: number] | undefined;
}

/**
 * How a photo's samples become RGB:
 * - `rgb`: libvips does it as OpenCV does.
 * - `cmyk-jpeg`, `cmyk-tiff`: by OpenCV's plain formulas, without a colour profile.
 * - `alpha`: a TIFF's colours are multiplied by its alpha, as OpenCV does.
 * - `chosen`: by {@link SampleOptions}.
 * - `bmp`, `heic`: by a decoder that knows RGB only.
 */
export type SampleLayout = "rgb" | "cmyk-jpeg" | "cmyk-tiff" | "alpha" | "chosen" | "bmp" | "heic";

/** The way from a photo's samples to RGB. */
export interface SamplePlan {
  readonly layout: SampleLayout;
  /** As libvips decodes them. */
  readonly space: Metadata["space"];
  readonly depth: Metadata["depth"];
  readonly channels: number;
}

/** @throws `INVALID_ARGUMENT` */
export function checkSampleOptions({ bands, valueRange }: SampleOptions): void {
  checkOptions({ bands }, bandNumbers);
  checkOptions({ valueRange }, blackAndWhite);
}

const bandNumbers: Expectation = {
  expected: "one band or three, numbered from 1",
  holds: (value) =>
    Array.isArray(value) &&
    (value.length === 1 || value.length === 3) &&
    value.every((band) => Number.isSafeInteger(band) && band >= 1),
};

const blackAndWhite: Expectation = {
  expected: "two numbers, black and white, that differ",
  holds: (value) =>
    Array.isArray(value) &&
    value.length === 2 &&
    value.every(Number.isFinite) &&
    value[0] !== value[1],
};

/** An error that says why a photo's samples cannot become RGB, and what to do about it. */
export class UnusableSamples extends Error {
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.advice = advice;
  }
}

/**
 * Decides how a photo's samples become RGB.
 *
 * @throws UnusableSamples when they are no colours, or it is unknown which of them are.
 */
export function planSamples(
  { format, space, depth, channels }: Metadata,
  bytes: Uint8Array,
  { bands, valueRange }: SampleOptions,
): SamplePlan {
  const plan = { space, depth, channels };
  if (bands !== undefined || valueRange !== undefined) {
    refuseBands(bands, plan);
    if (valueRange === undefined) refuseDepth(depth);
    return { ...plan, layout: "chosen" };
  }
  refuseDepth(depth);
  const tags = format === "tiff" ? readTiffTags(bytes) : undefined;
  if (space === "cmyk") return { ...plan, layout: tags === undefined ? "cmyk-jpeg" : "cmyk-tiff" };
  if (space !== "srgb" && space !== "b-w" && space !== "rgb16" && space !== "grey16") {
    throw new UnusableSamples(`its colours are ${space}`, convertAdvice);
  }
  const [extra] = tags?.extraSamples ?? [];
  const isMultiplied = channels === 4 && (extra === 1 || extra === 2);
  return { ...plan, layout: isMultiplied ? "alpha" : "rgb" };
}

/**
 * The plan of a format whose samples are colours of 8 bits.
 *
 * @throws UnusableSamples when other samples were asked for.
 */
export function planColours(
  layout: "bmp" | "heic",
  { bands, valueRange }: SampleOptions,
): SamplePlan {
  if (bands === undefined && valueRange === undefined) {
    return { layout, space: "srgb", depth: "uchar", channels: 3 };
  }
  throw new UnusableSamples(
    `bands and ranges of values cannot be chosen of ${layout.toUpperCase()} photos`,
    "Convert it to TIFF or PNG.",
  );
}

/** Colours that a TIFF can have, by its PhotometricInterpretation. */
const photometrics: Readonly<Record<number, { readonly name: string; readonly colours?: number }>> =
  {
    0: { name: "grey", colours: 1 },
    1: { name: "grey", colours: 1 },
    2: { name: "RGB", colours: 3 },
    3: { name: "a palette", colours: 1 },
    5: { name: "CMYK", colours: 4 },
    6: { name: "YCbCr", colours: 3 },
    8: { name: "CIELAB" },
    9: { name: "ICC LAB" },
    10: { name: "ITU LAB" },
    32803: { name: "a raw sensor mosaic" },
    34892: { name: "raw linear colours" },
  };

const jpegCompressions = [6, 7];
const formatNames: Readonly<Record<number, string>> = { 2: "signed integers", 3: "floating point" };

/**
 * Refuses a TIFF by its fields first, since libvips cannot read some kinds and explains less.
 *
 * @throws UnusableSamples
 */
export function refuseUnusableTiff(bytes: Uint8Array, { bands, valueRange }: SampleOptions): void {
  const tags = readTiffTags(bytes);
  if (tags !== undefined && bands === undefined && valueRange === undefined) refuseTiff(tags);
}

function refuseTiff({ photometric, compression, samples, bits, ...tags }: TiffTags): void {
  const { name, colours } = photometrics[photometric] ?? { name: `of kind ${photometric}` };
  const isPlainYcbcr = photometric === 6 && !jpegCompressions.includes(compression);
  if (colours === undefined || isPlainYcbcr) {
    throw new UnusableSamples(`its colours are ${name}`, convertAdvice);
  }
  if (tags.sampleFormat !== 1 || ![1, 2, 4, 8, 16].includes(bits)) {
    const kind = formatNames[tags.sampleFormat] ?? "unsigned integers";
    throw new UnusableSamples(`its samples are ${kind} of ${bits} bits`, rangeAdvice);
  }
  if (samples > colours + 1) {
    throw new UnusableSamples(
      `it has ${samples} bands, of which ${colours} would be ${name}`,
      bandAdvice,
    );
  }
}

function refuseDepth(depth: Metadata["depth"]): void {
  if (depth === "uchar" || depth === "ushort") return;
  throw new UnusableSamples(`its samples are of the type ${depth}`, rangeAdvice);
}

/** The last band that sharp takes out of a photo by itself. */
export const lastSingleBand = 5;

function refuseBands(
  bands: readonly number[] | undefined,
  { channels, depth }: Pick<SamplePlan, "channels" | "depth">,
): void {
  const isWhole = depth === "uchar" || depth === "ushort";
  const lastBand = isWhole ? channels : Math.min(channels, lastSingleBand);
  const missing = bands?.find((band) => band > lastBand);
  if (missing === undefined) return;
  if (missing <= channels) {
    throw new UnusableSamples(
      `it has ${channels} bands, of which only the first ${lastBand} can be read: their samples ` +
        `are of the type ${depth}`,
      "Write the bands that you need into a photo of their own.",
    );
  }
  throw new UnusableSamples(
    `it has ${channels} bands, and band ${missing} was asked for`,
    "Name bands that it has (`bands`, --bands).",
  );
}

const convertAdvice = "Convert it to RGB.";
const bandAdvice = "Say which bands are red, green and blue, as in `--bands 3,2,1` (`bands`).";
const rangeAdvice =
  "Say which numbers are black and white, as in `--value-range 0,4095` (`valueRange`), or " +
  "convert it to 8 bits.";
