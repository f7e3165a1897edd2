import { type CountErrors, ErrorSums, type MatchQuality, matchQuality } from "./count-errors.ts";

/** A threshold, and what counts above it. */
export interface FittedThreshold extends CountErrors, MatchQuality {
  readonly threshold: number;
}

/** What was found of a class on a photo, best score first. */
export interface FoundOnPhoto {
  readonly truth: number;
  readonly scores: readonly number[];
  /** For each whether it matches something that is there; undefined without boxes. */
  readonly isMatched?: readonly boolean[] | undefined;
}

/** Numbers that are added one by one, four bytes each. */
class Column {
  #values = new Float32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const more = new Float32Array(2 * this.length);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index]!;
  }
}

/** All recorded objects of a class, and how many there are truly, photo by photo. */
export class ClassTally {
  readonly name: string;
  /** The score from which objects are recorded. */
  readonly #recordedFrom: number;
  readonly #truths = new Column();
  readonly #scores = new Column();
  readonly #photos = new Column();
  readonly #matches = new Column();
  #truth = 0;
  #order: Uint32Array | undefined;

  constructor(name: string, recordedFrom: number) {
    this.name = name;
    this.#recordedFrom = recordedFrom;
  }

  addPhoto({ truth, scores, isMatched }: FoundOnPhoto): void {
    this.#truth += truth;
    for (const [i, score] of scores.entries()) {
      this.#scores.push(score);
      this.#photos.push(this.#truths.length);
      this.#matches.push(isMatched?.[i] ? 1 : 0);
    }
    this.#truths.push(truth);
    this.#order = undefined;
  }

  /** Whether more are there than were recorded, so that no threshold counts them all. */
  get lacksObjects(): boolean {
    return this.#scores.length < this.#truth;
  }

  /** What counts of objects that score above a threshold; all that are recorded at −∞. */
  at(threshold: number): CountErrors & MatchQuality {
    const counts = new Uint32Array(this.#truths.length);
    let [matched, counted] = [0, 0];
    for (let i = 0; i < this.#scores.length; i++) {
      if (!(this.#scores.at(i) > threshold)) continue;
      const photo = this.#photos.at(i);
      counts[photo]!++;
      counted++;
      matched += this.#matches.at(i);
    }
    const sums = new ErrorSums();
    for (const [photo, count] of counts.entries()) sums.add(this.#truths.at(photo), count);
    return { ...sums.errors, ...matchQuality({ matched, counted, truth: this.#truth }) };
  }

  /**
   * Returns the threshold at which as many objects count on all photos together as are there: that
   * of the least error of the total without its sign, the higher of two.
   */
  fitTotal(): FittedThreshold {
    let [best, least] = [0, this.#truth];
    for (const cut of this.#cuts()) {
      const error = Math.abs(cut - this.#truth);
      if (error < least) [best, least] = [cut, error];
    }
    return this.#fitted(best);
  }

  /** Returns the threshold of the best F1, the higher of two. */
  fitF1(): FittedThreshold {
    let [best, most, matched, from] = [0, 0, 0, 0];
    for (const cut of this.#cuts()) {
      for (; from < cut; from++) matched += this.#matches.at(this.#sorted[from]!);
      const f1 = (2 * matched) / (cut + this.#truth);
      if (f1 > most) [best, most] = [cut, f1];
    }
    return this.#fitted(best);
  }

  #fitted(cut: number): FittedThreshold {
    const threshold = this.#thresholdOf(cut);
    // If all objects count, so do those with exactly the lowest recorded score.
    return { threshold, ...this.at(cut === this.#scores.length ? -Infinity : threshold) };
  }

  /** Objects by their scores, best first. */
  get #sorted(): Uint32Array {
    this.#order ??= Uint32Array.from({ length: this.#scores.length }, (_, i) => i).sort(
      (a, b) => this.#scores.at(b) - this.#scores.at(a) || a - b,
    );
    return this.#order;
  }

  /** How many objects may count: those of one score count together. */
  *#cuts(): Generator<number> {
    const sorted = this.#sorted;
    for (let cut = 1; cut <= sorted.length; cut++) {
      const isEnd = cut === sorted.length;
      if (isEnd || this.#scores.at(sorted[cut]!) < this.#scores.at(sorted[cut - 1]!)) yield cut;
    }
  }

  /** The threshold with the fewest digits above which this many objects score. */
  #thresholdOf(cut: number): number {
    const sorted = this.#sorted;
    if (cut === sorted.length) return this.#recordedFrom;
    const below = this.#scores.at(sorted[cut]!);
    const above = cut === 0 ? 1 : this.#scores.at(sorted[cut - 1]!);
    return between(below, above);
  }
}

/** Returns a number of few digits from `low` to below `high`. */
function between(low: number, high: number): number {
  for (let digits = 2; digits <= 7; digits++) {
    const value = Number(((low + high) / 2).toFixed(digits));
    if (value >= low && value < high) return value;
  }
  return low;
}
