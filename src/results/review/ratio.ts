/** A sum over photos that is a share, or a multiple, of another: Σy ⁄ Σx, of each photo x and y. */
export interface Ratio {
  /** Photos of the sample. */
  readonly photos: number;
  readonly xSum: number;
  readonly ySum: number;
  readonly ratio: number;
  /** Of the ratio; 0 where all photos of the sample have the same ratio, or all were sampled. */
  readonly standardError: number;
  /** How many photos of equal weight would say as much about the standard error. */
  readonly degreesOfFreedom: number;
}

/**
 * Estimates a ratio from a simple random sample of photos, which are what was drawn, not their
 * objects: the residuals y − ratio · x of the photos make the variance (linearised; Cochran 1977,
 * Sampling Techniques, 6.4), with the correction for a finite number of photos.
 *
 * Where few photos hold most of the error, the variance itself is uncertain. The degrees of freedom
 * follow from the kurtosis of the residuals (Satterthwaite 1946; Potthoff, Woodbury and Manton
 * 1992, JASA 87): n − 1 for residuals like the normal distribution's, 2 where one photo of 100
 * is wrong.
 *
 * @param share The share of all photos that is in the sample.
 * @returns undefined where Σx is 0, or there are fewer than two photos
 */
export function estimateRatio(
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  share: number,
): Ratio | undefined {
  const photos = xs.length;
  let [xSum, ySum] = [0, 0];
  for (let i = 0; i < photos; i++) {
    xSum += xs[i]!;
    ySum += ys[i]!;
  }
  if (photos < 2 || xSum === 0) return undefined;
  const ratio = ySum / xSum;
  let [squares, fourths] = [0, 0];
  for (let i = 0; i < photos; i++) {
    const square = (ys[i]! - ratio * xs[i]!) ** 2;
    squares += square;
    fourths += square * square;
  }
  const variance = squares / (photos - 1);
  const perPhoto = xSum / photos;
  const kurtosis = squares === 0 ? 3 : (photos * fourths) / squares ** 2;
  const ofKurtosis = kurtosis > 1 ? (2 * photos) / (kurtosis - 1) : Infinity;
  return {
    photos,
    xSum,
    ySum,
    ratio,
    standardError: Math.sqrt(((1 - share) * variance) / photos) / perPhoto,
    degreesOfFreedom: Math.max(1, Math.min(photos - 1, ofKurtosis)),
  };
}
