import { estimateRatio } from "./ratio.ts";
import { normalQuantile, studentQuantile } from "./student-t.ts";

/** A share with the interval that holds the true one in 95 of 100 surveys. */
export interface ShareEstimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Counts of each photo of a sample: of all objects, and of those that have the property. */
export interface ShareSample {
  readonly all: ArrayLike<number>;
  readonly having: ArrayLike<number>;
  /** Photos that the sample was drawn from. */
  readonly photos: number;
}

/**
 * Estimates which share of objects has a property, from a simple random sample of photos.
 *
 * The objects of a photo are alike: a blurred photo loses many at once, so that 1,000 objects on 50
 * photos say less than 1,000 on as many photos. Wilson's interval (1927) is computed with as many
 * independent objects as say as much as these: p (1 − p) ⁄ v, with v the variance of the share
 * over photos, made fewer for small samples (Korn and Graubard 1998, Survey Methodology 24), and
 * never more than there are. Where all objects have it, or none, photos show no variance:
 * then each photo with objects counts as one object.
 *
 * @returns undefined where the sample has no object
 */
export function estimateShare({ all, having, photos }: ShareSample): ShareEstimate | undefined {
  const sampled = all.length;
  const ratio = estimateRatio(all, having, sampled / photos);
  if (ratio === undefined) return undefined;
  const { ratio: value, xSum: objects, standardError, degreesOfFreedom } = ratio;
  if (sampled >= photos) return { value, low: value, high: value };
  let independent: number;
  if (value === 0 || value === 1) {
    const withObjects = Array.from(all).filter((count) => count > 0).length;
    independent = withObjects / (1 - sampled / photos);
  } else {
    const quantile = studentQuantile(degreesOfFreedom) / normalQuantile;
    const ofPhotos = (value * (1 - value)) / (standardError * quantile) ** 2;
    independent = Math.min(ofPhotos, objects / (1 - sampled / photos));
  }
  return { value, ...wilsonInterval(value, independent) };
}

/** Wilson's interval (1927) of a share of `count` independent objects; 95 %. */
export function wilsonInterval(share: number, count: number): Omit<ShareEstimate, "value"> {
  const z2 = normalQuantile ** 2;
  const middle = (share + z2 / (2 * count)) / (1 + z2 / count);
  const half =
    (normalQuantile * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count * count))) /
    (1 + z2 / count);
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
