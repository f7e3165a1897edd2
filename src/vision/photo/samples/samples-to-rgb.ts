import type { Sharp } from "sharp";
import type { Picture } from "../picture.ts";
import { lastSingleBand, type SampleOptions, type SamplePlan } from "./sample-layout.ts";

/** The samples of the file, interleaved, with its orientation applied. */
export interface Samples {
  readonly values: ArrayLike<number>;
  readonly channels: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Decodes photos that libvips alone would not convert to OpenCV's RGB, in memory.
 *
 * The integer formulas of OpenCV 5.0 and its libtiff: equal to the bit on CMYK and YCCK JPEGs, CMYK
 * TIFFs, and RGB TIFFs with alpha of 8 and 16 bits.
 */
export async function samplesToRgb(
  open: () => Sharp,
  plan: SamplePlan,
  options: SampleOptions,
): Promise<Picture> {
  if (plan.layout === "chosen") return await chosenBands(open, plan, options);
  const samples = await readSamples(open, plan);
  const { values, channels, widthPx, heightPx } = samples;
  const data = new Uint8Array(3 * widthPx * heightPx);
  const toByte = plan.depth === "ushort" ? byteOf16Bits : (value: number) => value;
  const mix = mixers[plan.layout as keyof typeof mixers];
  for (let pixel = 0, at = 0; at < data.length; pixel += channels) {
    const last = toByte(values[pixel + channels - 1]!);
    for (let c = 0; c < 3; c++) data[at++] = mix(toByte(values[pixel + c]!), last);
  }
  return { data, widthPx, heightPx };
}

/** Reduces a sample of 16 bits as libtiff does, and OpenCV where it leaves colours to libtiff. */
export function byteOf16Bits(value: number): number {
  return Math.floor((value + 128) / 257);
}

/** Mixes a colour with the last sample of its pixel, black or alpha; all 0…255. */
const mixers = {
  /** libvips inverts inks; OpenCV takes them as they are. */
  "cmyk-jpeg": (ink: number, black: number) => 255 - black - ((ink * (255 - black)) >> 8),
  "cmyk-tiff": (ink: number, black: number) => Math.floor(((255 - black) * (255 - ink)) / 255),
  alpha: (colour: number, alpha: number) => Math.floor((colour * alpha + 127) / 255),
} as const;

async function chosenBands(
  open: () => Sharp,
  plan: SamplePlan,
  { bands, valueRange }: SampleOptions,
): Promise<Picture> {
  const chosen = bands ?? (plan.channels < 3 ? [1] : [1, 2, 3]);
  const [black, white] = valueRange ?? [0, plan.depth === "ushort" ? 65_536 : 256];
  // Without a range 16 bits lose their lower 8, as elsewhere; with one its ends become 0 and 255.
  const scale = valueRange === undefined ? 256 / white : 255 / (white - black);
  const rounding = valueRange === undefined ? 0 : 0.5;
  let rgb: { data: Uint8ClampedArray; widthPx: number; heightPx: number } | undefined;
  const all = chosen.some((band) => band > lastSingleBand) ? await readAll(open, plan) : undefined;
  for (const [i, band] of chosen.entries()) {
    const { values, channels, widthPx, heightPx } =
      all ??
      // sharp's types know four channels, sharp itself five.
      (await readSamples(() => open().extractChannel((band - 1) as 3), plan));
    const first = all === undefined ? 0 : channels - plan.channels + band - 1;
    rgb ??= { data: new Uint8ClampedArray(3 * widthPx * heightPx), widthPx, heightPx };
    const { data } = rgb;
    for (let pixel = first, at = i; pixel < values.length; pixel += channels, at += 3) {
      // A clamped array rounds to even, so it gets whole numbers.
      data[at] = Math.floor((values[pixel]! - black) * scale + rounding);
    }
  }
  const { data, widthPx, heightPx } = rgb!;
  if (chosen.length === 1) {
    for (let at = 0; at < data.length; at += 3) data.fill(data[at]!, at + 1, at + 3);
  }
  return { data: new Uint8Array(data.buffer), widthPx, heightPx };
}

/**
 * Reads all bands. A grey photo is read as RGB, since as grey only one band is returned; its other
 * bands then follow two copies of the first.
 */
async function readAll(open: () => Sharp, plan: SamplePlan): Promise<Samples> {
  return await readSamples(open, { ...plan, space: plan.space === "b-w" ? "srgb" : plan.space });
}

/** The typed arrays of libvips' types of samples. */
const arrays = {
  uchar: Uint8Array,
  char: Int8Array,
  ushort: Uint16Array,
  short: Int16Array,
  uint: Uint32Array,
  int: Int32Array,
  float: Float32Array,
  double: Float64Array,
} as const;

export async function readSamples(
  open: () => Sharp,
  { space, depth }: SamplePlan,
): Promise<Samples> {
  const SampleArray = arrays[depth as keyof typeof arrays];
  const { data, info } = await open()
    .autoOrient()
    .pipelineColourspace(space)
    .toColourspace(space)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  // A Buffer may start anywhere in its memory, a typed array only at a multiple of its elements.
  const isAligned = data.byteOffset % SampleArray.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset } = isAligned ? data : Uint8Array.from(data);
  const length = data.byteLength / SampleArray.BYTES_PER_ELEMENT;
  return {
    values: new SampleArray(buffer, byteOffset, length),
    channels: info.channels,
    widthPx: info.width,
    heightPx: info.height,
  };
}
