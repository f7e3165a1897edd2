import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { Extremes } from "../charts/extremes.ts";
import type { PhotoSummary } from "../report-data.ts";

/** Why a photo was chosen for a picture. */
export type PictureReason = "lowest scores" | "most objects" | "fewest objects" | "sample";

export interface ChosenPhoto {
  readonly facts: PhotoSummary;
  readonly result: StoredResult;
  /** None where all photos are shown. */
  readonly reason: PictureReason | undefined;
}

type Candidate = Omit<ChosenPhoto, "reason">;

/** Which photos get a picture: all of a few; of many those at the ends and some from all over. */
export class PictureChoice {
  readonly #photoCount: number;
  readonly #limit: number;
  #index = 0;
  readonly #sample: Candidate[] = [];
  readonly #groups: readonly (readonly [PictureReason, Extremes<Candidate>])[];

  /**
   * @param photoCount How many there will be.
   * @param limit At most so many are chosen.
   */
  constructor(photoCount: number, limit: number) {
    this.#photoCount = photoCount;
    this.#limit = limit;
    this.#groups = [
      ["lowest scores", new Extremes(limit / 4, ({ facts }) => facts.meanScore ?? Infinity)],
      ["most objects", new Extremes(limit / 4, ({ facts }) => -facts.objectCount)],
      ["fewest objects", new Extremes(limit / 4, ({ facts }) => facts.objectCount)],
    ];
  }

  add(candidate: Candidate): void {
    for (const [, extremes] of this.#groups) extremes.add(candidate);
    // Evenly spread; more than will be needed, since some may be at an end as well.
    const every = Math.max(1, Math.floor(this.#photoCount / this.#limit));
    const isNext = this.#index++ % every === 0;
    if (isNext && this.#sample.length < this.#limit) this.#sample.push(candidate);
  }

  choose(): ChosenPhoto[] {
    if (this.#photoCount <= this.#limit) {
      return this.#sample.map((candidate) => ({ ...candidate, reason: undefined }));
    }
    const chosen = new Map<string, ChosenPhoto>();
    const choose = (candidate: Candidate, reason: PictureReason) => {
      const { source } = candidate.facts;
      if (!chosen.has(source)) chosen.set(source, { ...candidate, reason });
    };
    for (const [reason, { items }] of this.#groups) {
      for (const candidate of items) choose(candidate, reason);
    }
    const free = this.#limit - chosen.size;
    const others = this.#sample.filter(({ facts: { source } }) => !chosen.has(source));
    const step = Math.max(1, others.length / free);
    for (let i = 0; i < Math.min(free, others.length); i++) {
      choose(others[Math.floor(i * step)]!, "sample");
    }
    return [...chosen.values()];
  }
}
