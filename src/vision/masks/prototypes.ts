import { OrangeryError } from "../../errors.ts";
import { notFinite } from "../boxes/candidates.ts";
import type { Letterbox } from "../letterbox/plan-letterbox.ts";
import { roundHalfEven } from "../rounding.ts";
import { type CellBounds, enlargeAxis, traceLevelSet } from "./level-set.ts";
import { Mask } from "./mask.ts";

/**
 * A segmentation network's prototypes for one picture: `count` planes of width × height, by row.
 */
export interface Prototypes {
  readonly data: Float32Array;
  readonly count: number;
  readonly width: number;
  readonly height: number;
}

/** The part of the prototypes that is spread over a picture. */
export interface MaskPlan {
  /** In cells of the prototypes; the rest is padding. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** The size of the masks, px. */
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Plans masks of the photo's size: Ultralytics' `process_mask_native` (`retina_masks`). The padding
 * is stripped from the prototypes with the rounding of `scale_masks`; boxes are in px of the photo.
 */
export function planPhotoMasks(
  plan: Pick<Letterbox, "photoWidth" | "photoHeight">,
  { width, height }: Pick<Prototypes, "width" | "height">,
): MaskPlan {
  const { photoWidth, photoHeight } = plan;
  const gain = Math.min(height / photoHeight, width / photoWidth);
  // A very long photo keeps one row of cells; the reference would keep none.
  const padX = (width - Math.max(1, roundHalfEven(photoWidth * gain))) / 2;
  const padY = (height - Math.max(1, roundHalfEven(photoHeight * gain))) / 2;
  return {
    left: roundHalfEven(padX - 0.1),
    top: roundHalfEven(padY - 0.1),
    right: width - roundHalfEven(padX + 0.1),
    bottom: height - roundHalfEven(padY + 0.1),
    widthPx: photoWidth,
    heightPx: photoHeight,
  };
}

/**
 * Plans masks of the size of the network's input, including padding: Ultralytics' `process_mask`
 * since 8.4.93; boxes are in px of the input.
 */
export function planInputMasks(
  plan: Pick<Letterbox, "inputWidth" | "inputHeight">,
  { width, height }: Pick<Prototypes, "width" | "height">,
): MaskPlan {
  const { inputWidth: widthPx, inputHeight: heightPx } = plan;
  return { left: 0, top: 0, right: width, bottom: height, widthPx, heightPx };
}

/**
 * Makes one mask per box: the prototypes weighted by the box's coefficients, enlarged bilinearly
 * (half-pixel centres, as torch without align_corners), above 0, inside the box (x1 ≤ x < x2).
 *
 * @param coefficients One row of `prototypes.count` values per box.
 * @param boxesXyxy In px of the plan's picture.
 * @returns One entry per box, `undefined` where the mask is empty: Ultralytics drops such
 *   detections.
 * @throws `INVALID_ARGUMENT` when the lengths do not match, `INFERENCE_NOT_FINITE`
 */
export function masksFromPrototypes(options: {
  readonly prototypes: Prototypes;
  readonly coefficients: Float32Array;
  readonly boxesXyxy: Float32Array;
  readonly plan: MaskPlan;
}): (Mask | undefined)[] {
  const { prototypes, coefficients, boxesXyxy, plan } = options;
  const boxCount = boxesXyxy.length / 4;
  const planeSize = prototypes.width * prototypes.height;
  if (
    prototypes.data.length !== prototypes.count * planeSize ||
    coefficients.length !== boxCount * prototypes.count
  ) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected ${prototypes.count} prototypes of ${planeSize} values and as many coefficients ` +
        `for each of ${boxCount} boxes, got ${prototypes.data.length} and ` +
        `${coefficients.length} values.`,
    );
  }
  if (boxCount === 0) return [];
  const columns = enlargeAxis(plan.right - plan.left, plan.widthPx);
  const rows = enlargeAxis(plan.bottom - plan.top, plan.heightPx);
  return Array.from({ length: boxCount }, (_, i) => {
    const box = pixelBox(boxesXyxy.subarray(4 * i, 4 * i + 4), plan);
    if (box.right <= box.left || box.bottom <= box.top) return undefined;
    const weights = coefficients.subarray(i * prototypes.count, (i + 1) * prototypes.count);
    const region: CellBounds = {
      left: columns.first[box.left]!,
      top: rows.first[box.top]!,
      right: columns.second[box.right - 1]! + 1,
      bottom: rows.second[box.bottom - 1]! + 1,
    };
    const logits = weigh(prototypes, weights, region, plan);
    // NaN is not above 0: the mask would be empty, and its object dropped.
    if (logits.includes(Number.NaN)) throw notFinite("mask", Number.NaN);
    const counts = traceLevelSet({ logits, region, box, columns, rows });
    const { widthPx, heightPx } = plan;
    return counts && new Mask({ widthPx, heightPx, counts });
  });
}

/** Returns the pixels whose index lies in the box, within the picture. */
function pixelBox([x1, y1, x2, y2]: Float32Array, { widthPx, heightPx }: MaskPlan): CellBounds {
  return {
    left: Math.max(0, Math.ceil(x1!)),
    top: Math.max(0, Math.ceil(y1!)),
    right: Math.min(widthPx, Math.ceil(x2!)),
    bottom: Math.min(heightPx, Math.ceil(y2!)),
  };
}

/** Sums the weighted prototypes in a region of cells, which is relative to the plan's part. */
function weigh(
  { data, count, width, height }: Prototypes,
  weights: Float32Array,
  region: CellBounds,
  plan: MaskPlan,
): Float32Array {
  const regionWidth = region.right - region.left;
  const logits = new Float32Array(regionWidth * (region.bottom - region.top));
  const planeSize = width * height;
  // Four planes at a time, to read and write the sums less often.
  for (let k = 0; k < count; k += 4) {
    // Planes past the last one have no weight.
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = weights.subarray(k, k + 4);
    const startOf = (plane: number) => Math.min(plane, count - 1) * planeSize;
    const [p0, p1, p2, p3] = [startOf(k), startOf(k + 1), startOf(k + 2), startOf(k + 3)];
    let to = 0;
    for (let y = region.top; y < region.bottom; y++) {
      const from = (plan.top + y) * width + plan.left + region.left;
      for (let at = from; at < from + regionWidth; at++) {
        const upperHalf = w0 * data[p0 + at]! + w1 * data[p1 + at]!;
        logits[to++]! += upperHalf + w2 * data[p2 + at]! + w3 * data[p3 + at]!;
      }
    }
  }
  return logits;
}
