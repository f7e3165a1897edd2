import { pngChunks } from "./png-chunks.ts";

/** A PNG's gamma is stored times this. */
const unit = 100_000;
/** That of a PNG with an sRGB chunk, whatever else is stored. */
const srgbGamma = 45_455;

/** Returns the gamma that a PNG states, as a whole number: 45,455 for sRGB. */
export function statedGamma(png: Uint8Array): number | undefined {
  let gamma: number | undefined;
  for (const { type, data } of pngChunks(png)) {
    if (type === "IDAT") break;
    if (type === "sRGB") return srgbGamma;
    if (type !== "gAMA" || data.length !== 4) continue;
    gamma ??= new DataView(data.buffer, data.byteOffset).getUint32(0);
  }
  return gamma || undefined;
}

/** libpng's tables for colours that are mixed in linear light. */
export interface GammaTables {
  readonly toLinear: ArrayLike<number>;
  readonly fromLinear: ArrayLike<number>;
  /** What becomes of a grey pixel. */
  readonly ofGrey: ArrayLike<number>;
  /** The bits of a sample that the tables leave out. */
  readonly shift: number;
}

/** Returns the tables for samples of 8 or 16 bits; undefined without a gamma, or for one near 1. */
export function gammaTables(gamma: number | undefined, bits: 8 | 16): GammaTables | undefined {
  if (gamma === undefined) return undefined;
  const inverse = Math.round(unit ** 2 / gamma);
  if (!isSignificant(gamma) && !isSignificant(inverse)) return undefined;
  const back = Math.round(unit ** 2 / inverse);
  const shift = bits === 8 ? 0 : 5;
  const [length, most] = [2 ** (bits - shift), 2 ** bits - 1];
  const curve = (exponent: number) =>
    Float64Array.from({ length }, (_, i) =>
      Math.round(most * (i / (length - 1)) ** (isSignificant(exponent) ? exponent / unit : 1)),
    );
  const [toLinear, fromLinear] = [curve(inverse), curve(back)];
  return { toLinear, fromLinear, ofGrey: bits === 8 ? curve(unit) : nearestBytes(length), shift };
}

function isSignificant(gamma: number): boolean {
  return Math.abs(gamma - unit) > 0.05 * unit;
}

/** The byte, times 257, that is nearest to each value of fewer than 16 bits. */
function nearestBytes(length: number): Uint16Array {
  const table = new Uint16Array(length);
  for (let byte = 0, at = 0; byte < 256; byte++) {
    const last = Math.round(((257 * byte + 128) * (length - 1)) / 65_535);
    while (at <= last && at < length) table[at++] = 257 * byte;
  }
  return table;
}

export interface LinearMix extends GammaTables {
  readonly weights: readonly [red: number, green: number, blue: number];
  readonly channels: number;
}

/** Mixes the samples of a PNG in linear light, as libpng does; returns bytes. */
export function mixLinear(values: ArrayLike<number>, mix: LinearMix): Uint8Array {
  const { toLinear, fromLinear, ofGrey, shift, channels } = mix;
  const [redWeight, greenWeight, blueWeight] = mix.weights;
  const lowBits = shift === 0 ? 0 : 8;
  const grey = new Uint8Array(values.length / channels);
  for (let at = 0, from = 0; at < grey.length; at++, from += channels) {
    const [red, green, blue] = [values[from]!, values[from + 1]!, values[from + 2]!];
    if (red === green && red === blue) {
      grey[at] = ofGrey[red >> shift]! >> lowBits;
      continue;
    }
    const light =
      redWeight * toLinear[red >> shift]! +
      greenWeight * toLinear[green >> shift]! +
      blueWeight * toLinear[blue >> shift]!;
    grey[at] = fromLinear[((light + 16_384) >> 15) >> shift]! >> lowBits;
  }
  return grey;
}
