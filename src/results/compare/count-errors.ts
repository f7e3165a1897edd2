/** How far a total is from the truth. */
export interface CountTotal {
  readonly truth: number;
  readonly counted: number;
  /** Counted less the truth. */
  readonly error: number;
  /** The error as a share of the truth; undefined where there is nothing. */
  readonly errorShare: number | undefined;
}

/** How far the counts of photos are from the truth, together and one by one. */
export interface CountErrors extends CountTotal {
  /** The mean of the photos' errors: above 0 where too many are counted. */
  readonly bias: number;
  /** The mean of the photos' errors without their sign. */
  readonly meanAbsoluteError: number;
  /**
   * The share of the differences between photos that the counts explain: 1 is all, 0 is none, less
   * is worse than the mean; undefined where all photos have the same truth.
   */
  readonly rSquared: number | undefined;
}

/** Sums errors up, photo by photo. */
export class ErrorSums {
  #photos = 0;
  #truth = 0;
  #counted = 0;
  #truthSquared = 0;
  #absolute = 0;
  #squared = 0;

  add(truth: number, counted: number): void {
    const error = counted - truth;
    this.#photos++;
    this.#truth += truth;
    this.#counted += counted;
    this.#truthSquared += truth * truth;
    this.#absolute += Math.abs(error);
    this.#squared += error * error;
  }

  get errors(): CountErrors {
    const photos = this.#photos;
    const [truth, counted] = [this.#truth, this.#counted];
    const error = counted - truth;
    const spread = this.#truthSquared - truth ** 2 / Math.max(1, photos);
    const mean = (sum: number) => (photos === 0 ? 0 : sum / photos);
    return {
      truth,
      counted,
      error,
      errorShare: truth === 0 ? undefined : error / truth,
      bias: mean(error),
      meanAbsoluteError: mean(this.#absolute),
      // Rounding errors do not count as spread.
      rSquared: spread > 1e-9 * this.#truthSquared ? 1 - this.#squared / spread : undefined,
    };
  }
}

/** How well objects were found, where it is known where they are. */
export interface MatchQuality {
  /** The share of what was counted that is there. */
  readonly precision: number | undefined;
  /** The share of what is there that was counted. */
  readonly recall: number | undefined;
  /** The harmonic mean of both. */
  readonly f1: number | undefined;
}

/** Returns the quality of so many objects, of which some matched. */
export function matchQuality(sums: {
  readonly matched: number;
  readonly counted: number;
  readonly truth: number;
}): MatchQuality {
  const { matched, counted, truth } = sums;
  const share = (part: number, whole: number) => (whole === 0 ? undefined : part / whole);
  return {
    precision: share(matched, counted),
    recall: share(matched, truth),
    f1: share(2 * matched, counted + truth),
  };
}
