import type { RangeMethod } from "../../graph/quantize/calibration.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import { matchBoxes } from "../../vision/boxes/match-boxes.ts";
import type { Detections } from "../../vision/detections.ts";
import type { Mask } from "../../vision/masks/mask.ts";

/** Counts in float32 and in the precision that is tried. */
export interface CountPair {
  readonly float32: number;
  readonly tried: number;
}

/**
 * How a precision counts on photos beside float32; int8 on those that it was not calibrated on.
 * Plain data.
 *
 * An object is matched where both find one of its class there, with an IoU of 0.5 or more.
 */
export interface PrecisionProof {
  /** The precision that was tried. */
  readonly precision: "float16" | "int8";
  /** The device it was tried on, as in `cuda:0`. */
  readonly device: string;
  /** How the ranges of int8 were made. */
  readonly method?: RangeMethod | undefined;
  /** The numbers of photos; 0 for float16, which is not calibrated. */
  readonly calibratedOn: number;
  readonly checkedOn: number;
  readonly objects: CountPair;
  /** Matched objects, as a share of those that either finds, 0 to 1. 1 where there is none. */
  readonly matchedShare: number;
  /** By how much the total moves, as a share of float32's. */
  readonly totalChange: number;
  /** The photo whose count moves most. */
  readonly worst: CountPair & { readonly photo: string };
  readonly classes: readonly (CountPair & { readonly name: string })[];
  /** The mean IoU of the masks of matched objects; undefined without masks. */
  readonly maskIou: number | undefined;
  /** The mean IoU of all regions; undefined without a segmenter. */
  readonly regionIou: number | undefined;
  /**
   * What a photo takes, ms: on the CPU its time from the photo's bytes to its counts, on other
   * devices that of the runs of the networks.
   */
  readonly msPerPhoto: CountPair;
}

/** The least that a precision must reach. */
export interface PrecisionLimits {
  /** The share of the total by which it may move, 0 to 1. Default 0.005. */
  readonly tolerance?: number | undefined;
}

const leastMatchedShare = 0.98;
const leastRegionIou = 0.95;

/** Returns why a precision is not good enough, as a sentence's end; undefined where it is. */
export function whyRefused(
  { objects, matchedShare, totalChange, regionIou }: PrecisionProof,
  { tolerance = 0.005 }: PrecisionLimits = {},
): string | undefined {
  const { float32, tried } = objects;
  if (float32 === 0 && tried === 0) return "there was no object on the photos to check on";
  if (Math.abs(totalChange) > tolerance) {
    const [change, most] = [totalChange, tolerance].map((share) => percent(share, 2));
    return `the total moves by ${change} (${float32} to ${tried}), over ${most}`;
  }
  if (matchedShare < leastMatchedShare) {
    return `${percent(matchedShare)} of the objects match, under ${percent(leastMatchedShare)}`;
  }
  if (regionIou !== undefined && regionIou < leastRegionIou) {
    return `the regions overlap by ${percent(regionIou)}, under ${percent(leastRegionIou)}`;
  }
  return undefined;
}

/** Reads a proof that a model file has; undefined for none, and for what is no proof. */
export function readProof(json: string | undefined): PrecisionProof | undefined {
  try {
    const proof = JSON.parse(json ?? "null") as PrecisionProof | null;
    const { objects, msPerPhoto, checkedOn, matchedShare } = proof!;
    const { float32, tried } = objects;
    const numbers = [float32, tried, msPerPhoto.float32, msPerPhoto.tried, checkedOn, matchedShare];
    return numbers.every(Number.isFinite) ? proof! : undefined;
  } catch {
    return undefined;
  }
}

/** How many times as fast a precision is as float32. */
export function speedUp({ msPerPhoto }: Pick<PrecisionProof, "msPerPhoto">): number {
  return msPerPhoto.float32 / Math.max(1e-9, msPerPhoto.tried);
}

/** As in `0.3 %`. */
export function percent(share: number, decimals = 1): string {
  return `${(100 * share).toFixed(decimals)} %`;
}

/** Both results of one photo. */
export interface ResultPair {
  readonly photo: string;
  readonly float32: PhotoResult;
  readonly tried: PhotoResult;
  /** What each took, as in the proof. */
  readonly ms: CountPair;
}

/** Adds the results of photos up to a proof. */
export class ProofTally {
  readonly #classes = new Map<string, { float32: number; tried: number }>();
  readonly #maskIous: number[] = [];
  readonly #regionIous: number[] = [];
  readonly #photos: (CountPair & { readonly photo: string })[] = [];
  readonly #ms = { float32: 0, tried: 0 };
  #matched = 0;

  add({ photo, float32, tried, ms }: ResultPair): void {
    const [one, other] = [float32.objects, tried.objects];
    this.#photos.push({ photo, float32: one.length, tried: other.length });
    for (const { name } of one) this.#classOf(name).float32++;
    for (const { name } of other) this.#classOf(name).tried++;
    const classIds = new Set([...one.classIds, ...other.classIds]);
    for (const classId of classIds) this.#match(ofClass(one, classId), ofClass(other, classId));
    if (float32.regions !== undefined) {
      this.#addRegions(
        float32.regions.map(({ mask }) => mask),
        tried.regions ?? [],
      );
    }
    this.#ms.float32 += ms.float32;
    this.#ms.tried += ms.tried;
  }

  proof(
    how: Pick<PrecisionProof, "precision" | "device" | "method" | "calibratedOn">,
  ): PrecisionProof {
    const sum = (counts: Iterable<CountPair>) => {
      const total = { float32: 0, tried: 0 };
      for (const { float32, tried } of counts) {
        total.float32 += float32;
        total.tried += tried;
      }
      return total;
    };
    const checkedOn = this.#photos.length;
    const objects = sum(this.#photos);
    const found = objects.float32 + objects.tried - this.#matched;
    const moved = ({ float32, tried }: CountPair) => Math.abs(tried - float32);
    const [worst = { photo: "", float32: 0, tried: 0 }] = this.#photos.toSorted(
      (a, b) => moved(b) - moved(a),
    );
    return {
      ...how,
      checkedOn,
      objects,
      matchedShare: found === 0 ? 1 : this.#matched / found,
      totalChange: (objects.tried - objects.float32) / Math.max(1, objects.float32),
      worst,
      classes: [...this.#classes].map(([name, counts]) => ({ name, ...counts })),
      maskIou: mean(this.#maskIous),
      regionIou: mean(this.#regionIous),
      msPerPhoto: {
        float32: this.#ms.float32 / Math.max(1, checkedOn),
        tried: this.#ms.tried / Math.max(1, checkedOn),
      },
    };
  }

  #classOf(name: string) {
    let counts = this.#classes.get(name);
    if (counts === undefined) {
      counts = { float32: 0, tried: 0 };
      this.#classes.set(name, counts);
    }
    return counts;
  }

  #match(float32: Detections, tried: Detections): void {
    const pairs = matchBoxes(tried.boxesXyxy, float32.boxesXyxy);
    for (const [index, other] of pairs.entries()) {
      if (other < 0) continue;
      this.#matched++;
      const [mask, otherMask] = [tried.masks?.[index], float32.masks?.[other]];
      if (mask && otherMask) this.#maskIous.push(mask.iou(otherMask));
    }
  }

  /** Each region with the one that it overlaps most; one that has none overlaps by 0. */
  #addRegions(masks: readonly Mask[], others: readonly { readonly mask: Mask }[]): void {
    const best = (mask: Mask, among: readonly Mask[]) =>
      Math.max(0, ...among.map((other) => mask.iou(other)));
    const otherMasks = others.map(({ mask }) => mask);
    this.#regionIous.push(...masks.map((mask) => best(mask, otherMasks)));
    this.#regionIous.push(...otherMasks.map((mask) => best(mask, masks)));
  }
}

function ofClass(detections: Detections, classId: number): Detections {
  return detections.select(
    [...detections.classIds.keys()].filter((index) => detections.classIds[index] === classId),
  );
}

function mean(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
