import { seededRandom } from "./seeded-random.ts";

/** Photos whose truth is known: what was counted on each, what of it is right, what is there. */
export interface Population {
  readonly predicted: Float64Array;
  readonly confirmed: Float64Array;
  readonly count: Float64Array;
}

/** How a population comes about. */
interface Making {
  /** Objects on a photo. */
  readonly count: (random: Draws) => number;
  /** The share of them that is found on the average, and how alike photos are in it. */
  readonly recall: number;
  readonly alike?: number;
  /** Objects that are counted and not there, on a photo of so many. */
  readonly extra: (random: Draws, count: number) => number;
}

/** The kinds of surveys that the estimates are tried on. */
export const makings: { readonly [name: string]: Making } = {
  "nearly right": { count: (r) => r.poisson(20), recall: 0.99, extra: (r) => r.poisson(0.2) },
  "skewed counts": {
    count: (r) => r.poisson(60 * r.gamma(0.5)),
    recall: 0.9,
    extra: (r, count) => r.poisson(0.05 * count),
  },
  "very skewed counts": {
    count: (r) => r.poisson(Math.exp(2 + 1.3 * r.normal())),
    recall: 0.9,
    extra: (r, count) => r.poisson(0.05 * count + 0.2),
  },
  "many empty photos": {
    count: (r) => (r.uniform() < 0.8 ? 0 : 1 + r.poisson(3)),
    recall: 0.9,
    extra: (r) => r.poisson(0.03),
  },
  overcounting: {
    count: (r) => r.poisson(15),
    recall: 0.98,
    extra: (r, count) => r.poisson(0.2 * count * r.gamma(1)),
  },
  undercounting: {
    count: (r) => r.poisson(10 * r.gamma(2)),
    recall: 0.7,
    alike: 8,
    extra: (r, count) => r.poisson(0.02 * count),
  },
  "few wrong photos": {
    count: (r) => r.poisson(10),
    recall: 1,
    extra: (r) => (r.uniform() < 0.05 ? 1 + r.poisson(3) : 0),
  },
};

/** Makes a population of so many photos. */
export function makePopulation(
  { count, recall, alike = 20, extra }: Making,
  { photos, seed }: { readonly photos: number; readonly seed: number },
): Population {
  const draws = new Draws(seed);
  const empty = () => new Float64Array(photos);
  const population = { predicted: empty(), confirmed: empty(), count: empty() };
  for (let i = 0; i < photos; i++) {
    const there = count(draws);
    const found = draws.binomial(there, draws.beta(recall, alike));
    population.count[i] = there;
    population.confirmed[i] = found;
    population.predicted[i] = found + extra(draws, there);
  }
  return population;
}

/** Draws samples of photos, each without putting any back. */
export function* drawSurveys(
  population: Population,
  { surveys, size, seed }: { surveys: number; size: number; seed: number },
): Generator<Population> {
  const random = seededRandom(seed);
  const order = Int32Array.from(population.count.keys());
  for (let survey = 0; survey < surveys; survey++) {
    for (let i = 0; i < size; i++) {
      const other = i + Math.floor(random() * (order.length - i));
      [order[i], order[other]] = [order[other]!, order[i]!];
    }
    const chosen = order.subarray(0, size);
    const of = (values: Float64Array) => Float64Array.from(chosen, (i) => values[i]!);
    const { predicted, confirmed, count } = population;
    yield { predicted: of(predicted), confirmed: of(confirmed), count: of(count) };
  }
}

/** Random values of the usual distributions. */
class Draws {
  readonly uniform: () => number;

  constructor(seed: number) {
    this.uniform = seededRandom(seed);
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  poisson(mean: number): number {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    let product = this.uniform();
    let count = 0;
    for (; product > Math.exp(-mean); count++) product *= this.uniform();
    return count;
  }

  /** Of scale 1 (Marsaglia and Tsang 2000). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    for (;;) {
      const x = this.normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v <= 0) continue;
      if (Math.log(this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  }

  /** Of this mean; the greater `alike`, the nearer to it. */
  beta(mean: number, alike: number): number {
    if (mean >= 1) return 1;
    const a = this.gamma(mean * alike);
    return a / (a + this.gamma((1 - mean) * alike));
  }

  binomial(count: number, share: number): number {
    let hits = 0;
    for (let i = 0; i < count; i++) if (this.uniform() < share) hits++;
    return hits;
  }
}
