import type { Sharp } from "sharp";
import { declareLumaAsRed } from "./luma-jpeg.ts";
import { gammaTables, mixLinear, statedGamma } from "./png-gamma.ts";
import type { SamplePlan } from "./sample-layout.ts";
import { byteOf16Bits, readSamples } from "./samples-to-rgb.ts";

/** How a decoder mixes red, green and blue, in fixed point. */
interface GreyMix {
  readonly weights: readonly [red: number, green: number, blue: number];
  readonly rounding: number;
  readonly bits: number;
}

const plainMix: GreyMix = { weights: [9798, 19235, 3735], rounding: 16_384, bits: 15 };
const shortMix: GreyMix = { weights: [4899, 9617, 1868], rounding: 8192, bits: 14 };
const libpngMix: GreyMix = { weights: [9797, 19_234, 3737], rounding: 0, bits: 15 };
const libjpegMix: GreyMix = { weights: [19_595, 38_470, 7471], rounding: 32_768, bits: 16 };

const mixes: Readonly<Record<string, GreyMix>> = {
  jpeg: libjpegMix,
  png: libpngMix,
  tiff: shortMix,
  bmp: shortMix,
};

export interface GreyPlaneOptions {
  readonly bytes: Uint8Array;
  /** As sharp names it. */
  readonly format: string;
  readonly plan: SamplePlan;
  readonly open: (bytes: Uint8Array) => Sharp;
  /** The decoded photo, upright. */
  readonly rgb: Uint8Array;
}

/**
 * Returns the grey that OpenCV 5.0 reads of a photo (`IMREAD_GRAYSCALE`), a byte for each pixel,
 * equal to the bit. It is not the grey of the RGB that it reads: that of a JPEG is the brightness
 * in the file, which colours at the ends of their range do not give back; and each decoder rounds
 * in its own way.
 */
export async function greyPlane(options: GreyPlaneOptions): Promise<Uint8Array> {
  const { bytes, format, plan, open, rgb } = options;
  if (plan.layout === "chosen") return mixSamples(rgb, plainMix);
  if (plan.layout === "cmyk-jpeg") return mixSamples(rgb, shortMix);
  if (format === "jpeg") {
    const luma = declareLumaAsRed(bytes);
    if (luma !== undefined) return await redOf(open(luma));
  }
  const mix = mixes[format] ?? plainMix;
  const isDeep = plan.layout === "rgb" && plan.depth === "ushort" && plan.channels >= 3;
  const gamma = format === "png" ? statedGamma(bytes) : undefined;
  const tables = gammaTables(gamma, isDeep ? 16 : 8);
  if (!isDeep) {
    return tables ? mixLinear(rgb, { ...tables, ...mix, channels: 3 }) : mixSamples(rgb, mix);
  }
  const { values, channels } = await readSamples(() => open(bytes), plan);
  if (format === "tiff") return mixSamples(Uint8Array.from(values, byteOf16Bits), mix, channels);
  if (tables) return mixLinear(values, { ...tables, ...mix, channels });
  // libpng mixes 16 bits, and rounds, before it drops the lower 8.
  return mixSamples(values, { ...mix, rounding: 16_384, bits: mix.bits + 8 }, channels);
}

async function redOf(image: Sharp): Promise<Uint8Array> {
  const data = await image.autoOrient().extractChannel(0).raw({ depth: "uchar" }).toBuffer();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function mixSamples(
  values: ArrayLike<number>,
  { weights, rounding, bits }: GreyMix,
  channels = 3,
): Uint8Array {
  const [red, green, blue] = weights;
  const grey = new Uint8Array(values.length / channels);
  for (let at = 0, from = 0; at < grey.length; at++, from += channels) {
    const sum = red * values[from]! + green * values[from + 1]! + blue * values[from + 2]!;
    grey[at] = (sum + rounding) >> bits;
  }
  return grey;
}
