import type { Value } from "../../src/graph/graph-builder.ts";
import type { ImageOperations } from "./image-operations.ts";

/** Where an image has summits, over an octave of scales; all values are images of one channel. */
export interface Octave {
  /** Input pixels per pixel of these images. */
  readonly pixelPx: number;
  /** How far each pixel is a summit at its best scale; below 0 it is none. */
  readonly strength: Value;
  /** Sides of the box around the summit, in input pixels. */
  readonly widthPx: Value;
  readonly heightPx: Value;
  /** The image at twice the first scale and half the size, to start the next octave from. */
  readonly next: Value;
}

/** Standard deviations, in pixels, of the first Gaussian: small, but larger than the pixels. */
const firstSigma = 1.4;
const scalesPerOctave = 3;

/**
 * What slope and level cost a summit, of its curvature. A plant bends in all directions by at least
 * 0.3 of its level (99 % of those on the example photos), the corner of a frame by less than 0.2;
 * petals bend, but on a slope.
 */
const slopeCost = 0.5;
const levelCost = 0.15;

/** Sides of a plant's box per standard deviation of the Gaussian that bends as the plant does. */
const sidesPerSpread = 3.2;

/**
 * Searches an octave of the scale space of `image` (Lindeberg 1998, "Feature detection with
 * automatic scale selection"; octaves as in Lowe 2004) for summits: places that bend downwards in
 * every direction, are level, and stand out.
 *
 * @param options - `pixelPx`: input pixels per pixel of the image; `blurred`: whether the image is
 * the `next` of another octave, and thus already as smooth as the first scale.
 */
export function searchOctave(
  ops: ImageOperations,
  image: Value,
  options: { readonly pixelPx: number; readonly blurred: boolean },
): Octave {
  const { pixelPx, blurred } = options;
  let smooth = image;
  let reached = blurred ? firstSigma : 0;
  const blurTo = (sigma: number) => {
    if (sigma > reached) smooth = ops.blur(smooth, Math.sqrt(sigma ** 2 - reached ** 2));
    reached = sigma;
    return smooth;
  };

  const scales = Array.from({ length: scalesPerOctave }, (_, i) => {
    const sigma = firstSigma * 2 ** (i / scalesPerOctave);
    return summitsAt(ops, blurTo(sigma), { sigma, pixelPx });
  });
  const strength = scales.map((scale) => scale.strength).reduce(ops.larger);
  const atBestScale = (side: "widthPx" | "heightPx") =>
    scales
      .map((scale) => ops.choose(ops.isAtLeast(scale.strength, strength), scale[side], 0))
      .reduce(ops.larger);
  return {
    pixelPx,
    strength,
    widthPx: atBestScale("widthPx"),
    heightPx: atBestScale("heightPx"),
    next: ops.shrink(blurTo(2 * firstSigma), 2),
  };
}

/** Summits at one scale, from derivatives that are normalised by it (σ for each order). */
function summitsAt(
  ops: ImageOperations,
  smooth: Value,
  { sigma, pixelPx }: { readonly sigma: number; readonly pixelPx: number },
) {
  const rise = [-sigma / 2, 0, sigma / 2];
  const slopeX = ops.filterAlongX(smooth, rise);
  const slope = length(ops, slopeX, ops.filterAlongY(smooth, rise));

  // Downward bends, and the lesser of the two principal ones: along a ridge it is none.
  const fall = [-(sigma ** 2), 2 * sigma ** 2, -(sigma ** 2)];
  const bendX = ops.filterAlongX(smooth, fall);
  const bendY = ops.filterAlongY(smooth, fall);
  const twist = ops.filterAlongY(slopeX, rise);
  const meanBend = ops.quotient(ops.sum(bendX, bendY), 2);
  const halfRange = length(ops, ops.quotient(ops.difference(bendX, bendY), 2), twist);
  const bend = ops.difference(meanBend, halfRange);

  const costs = ops.sum(ops.product(slope, slopeCost), ops.product(smooth, levelCost));
  // A Gaussian of spread s, smoothed by σ, bends at its top by −L″ = L / (s² + σ²).
  const sidePx = (bendAlong: Value) => {
    const variance = ops.difference(ops.quotient(smooth, ops.larger(bendAlong, 1e-6)), 1);
    const spread = ops.squareRoot(ops.larger(variance, 0.25));
    return ops.product(spread, sidesPerSpread * sigma * pixelPx);
  };
  return {
    // Coarse scales count for more, or else petals would outdo their plant.
    strength: ops.product(ops.difference(bend, costs), Math.sqrt(sigma * pixelPx)),
    widthPx: sidePx(bendX),
    heightPx: sidePx(bendY),
  };
}

function length(ops: ImageOperations, x: Value, y: Value): Value {
  return ops.squareRoot(ops.sum(ops.product(x, x), ops.product(y, y)));
}
