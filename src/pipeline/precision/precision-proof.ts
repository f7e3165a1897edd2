import type { RangeMethod } from "../../graph/quantize/calibration.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import { matchBoxes } from "../../vision/boxes/match-boxes.ts";
import type { Detections } from "../../vision/detections.ts";
import type { Mask } from "../../vision/masks/mask.ts";

/** Counts in float32 and in int8. */
export interface CountPair {
  readonly float32: number;
  readonly int8: number;
}

/**
 * How int8 counts on photos that it was not calibrated on, beside float32. Plain data.
 *
 * An object is matched where both find one of its class there, with an IoU of 0.5 or more.
 */
export interface PrecisionProof {
  readonly method: RangeMethod;
  /** The numbers of photos. */
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
  /** CPU time of a photo from its bytes to its counts, ms. */
  readonly msPerPhoto: CountPair;
}

/** The least that int8 must reach. */
export interface PrecisionLimits {
  /** The share of the total by which it may move, 0 to 1. Default 0.005. */
  readonly tolerance?: number | undefined;
}

const leastMatchedShare = 0.98;
const leastRegionIou = 0.95;

/** Returns why int8 is not good enough, as a sentence's end; undefined where it is. */
export function whyRefused(
  { objects, matchedShare, totalChange, regionIou }: PrecisionProof,
  { tolerance = 0.005 }: PrecisionLimits = {},
): string | undefined {
  const { float32, int8 } = objects;
  if (float32 === 0 && int8 === 0) return "there was no object on the photos to check on";
  if (Math.abs(totalChange) > tolerance) {
    const [change, most] = [totalChange, tolerance].map((share) => percent(share, 2));
    return `the total moves by ${change} (${float32} to ${int8}), over ${most}`;
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
    const { float32, int8 } = objects;
    const numbers = [float32, int8, msPerPhoto.float32, msPerPhoto.int8, checkedOn, matchedShare];
    return numbers.every(Number.isFinite) ? proof! : undefined;
  } catch {
    return undefined;
  }
}

/** How many times as fast int8 is as float32. */
export function speedUp({ msPerPhoto }: Pick<PrecisionProof, "msPerPhoto">): number {
  return msPerPhoto.float32 / Math.max(1e-9, msPerPhoto.int8);
}

/** As in `0.3 %`. */
export function percent(share: number, decimals = 1): string {
  return `${(100 * share).toFixed(decimals)} %`;
}

/** Both results of one photo. */
export interface ResultPair {
  readonly photo: string;
  readonly float32: PhotoResult;
  readonly int8: PhotoResult;
  /** The CPU time that each took, ms. */
  readonly cpuMs: CountPair;
}

/** Adds the results of photos up to a proof. */
export class ProofTally {
  readonly #classes = new Map<string, { float32: number; int8: number }>();
  readonly #maskIous: number[] = [];
  readonly #regionIous: number[] = [];
  readonly #photos: (CountPair & { readonly photo: string })[] = [];
  readonly #ms = { float32: 0, int8: 0 };
  #matched = 0;

  add({ photo, float32, int8, cpuMs }: ResultPair): void {
    const [one, other] = [float32.objects, int8.objects];
    this.#photos.push({ photo, float32: one.length, int8: other.length });
    for (const { name } of one) this.#classOf(name).float32++;
    for (const { name } of other) this.#classOf(name).int8++;
    const classIds = new Set([...one.classIds, ...other.classIds]);
    for (const classId of classIds) this.#match(ofClass(one, classId), ofClass(other, classId));
    if (float32.regions !== undefined) {
      this.#addRegions(
        float32.regions.map(({ mask }) => mask),
        int8.regions ?? [],
      );
    }
    this.#ms.float32 += cpuMs.float32;
    this.#ms.int8 += cpuMs.int8;
  }

  proof(how: Pick<PrecisionProof, "method" | "calibratedOn">): PrecisionProof {
    const sum = (counts: Iterable<CountPair>) => {
      const total = { float32: 0, int8: 0 };
      for (const { float32, int8 } of counts) {
        total.float32 += float32;
        total.int8 += int8;
      }
      return total;
    };
    const checkedOn = this.#photos.length;
    const objects = sum(this.#photos);
    const found = objects.float32 + objects.int8 - this.#matched;
    const moved = ({ float32, int8 }: CountPair) => Math.abs(int8 - float32);
    const [worst = { photo: "", float32: 0, int8: 0 }] = this.#photos.toSorted(
      (a, b) => moved(b) - moved(a),
    );
    return {
      ...how,
      checkedOn,
      objects,
      matchedShare: found === 0 ? 1 : this.#matched / found,
      totalChange: (objects.int8 - objects.float32) / Math.max(1, objects.float32),
      worst,
      classes: [...this.#classes].map(([name, counts]) => ({ name, ...counts })),
      maskIou: mean(this.#maskIous),
      regionIou: mean(this.#regionIous),
      msPerPhoto: {
        float32: this.#ms.float32 / Math.max(1, checkedOn),
        int8: this.#ms.int8 / Math.max(1, checkedOn),
      },
    };
  }

  #classOf(name: string) {
    let counts = this.#classes.get(name);
    if (counts === undefined) {
      counts = { float32: 0, int8: 0 };
      this.#classes.set(name, counts);
    }
    return counts;
  }

  #match(float32: Detections, int8: Detections): void {
    const pairs = matchBoxes(int8.boxesXyxy, float32.boxesXyxy);
    for (const [index, other] of pairs.entries()) {
      if (other < 0) continue;
      this.#matched++;
      const [mask, otherMask] = [int8.masks?.[index], float32.masks?.[other]];
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
