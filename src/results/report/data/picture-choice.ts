import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { Extremes } from "./extremes.ts";
import type { PhotoSummary } from "./photo-summary.ts";

/** Why a photo was chosen for a picture. */
export type PictureReason = "lowest scores" | "most objects" | "fewest objects" | "sample";

export interface ChosenPhoto {
  readonly summary: PhotoSummary;
  readonly result: StoredResult;
  /** Undefined where all photos are shown. */
  readonly reason: PictureReason | undefined;
}

type Candidate = Omit<ChosenPhoto, "reason">;

/**
 * Chooses the photos that get a picture: all of a few; of many the extremes and a sample of the
 * rest.
 */
export class PictureChoice {
  readonly #photoCount: number;
  readonly #limit: number;
  #index = 0;
  /** Results by id: photos of identical bytes share one, and one picture is enough. */
  readonly #seen = new Set<number>();
  readonly #sample: Candidate[] = [];
  readonly #groups: readonly (readonly [PictureReason, Extremes<Candidate>])[];

  /**
   * @param photoCount How many photos will be added.
   * @param limit The most that are chosen.
   */
  constructor(photoCount: number, limit: number) {
    this.#photoCount = photoCount;
    this.#limit = limit;
    this.#groups = [
      ["lowest scores", new Extremes(limit / 4, ({ summary }) => summary.meanScore ?? Infinity)],
      ["most objects", new Extremes(limit / 4, ({ summary }) => -summary.objectCount)],
      ["fewest objects", new Extremes(limit / 4, ({ summary }) => summary.objectCount)],
    ];
  }

  add(candidate: Candidate): void {
    if (this.#seen.has(candidate.result.id)) return;
    this.#seen.add(candidate.result.id);
    for (const [, extremes] of this.#groups) extremes.add(candidate);
    // Evenly spread; more than needed, since some may be extremes as well.
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
      const { source } = candidate.summary;
      if (!chosen.has(source)) chosen.set(source, { ...candidate, reason });
    };
    for (const [reason, { items }] of this.#groups) {
      for (const candidate of items) choose(candidate, reason);
    }
    const free = this.#limit - chosen.size;
    const others = this.#sample.filter(({ summary: { source } }) => !chosen.has(source));
    const step = Math.max(1, others.length / free);
    for (let i = 0; i < Math.min(free, others.length); i++) {
      choose(others[Math.floor(i * step)]!, "sample");
    }
    return [...chosen.values()];
  }
}
