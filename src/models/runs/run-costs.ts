/** Costs that are kept of each way; the least of them is least disturbed by other processes. */
const kept = 8;
/** So many runs measure a way. */
const enough = 4;
/** The ways to run: by the number of threads, and one more with threads that spin. */
const mostWays = 8;

const wayWords = 1 + kept;

/** Bytes that the costs take. */
export const runCostsBytes = 8 * mostWays * wayWords;

/**
 * What runs of a network cost in each way that was tried, in memory that threads share: cores ×
 * seconds for a pixel of the input. The way that costs least makes most of the cores when all are
 * busy. What two threads write at the same moment may lose one of two numbers, which is no harm.
 */
export class RunCosts {
  readonly #numbers: Float64Array;

  /** @param memory {@link runCostsBytes} bytes, zero at first */
  constructor(memory: ArrayBuffer) {
    this.#numbers = new Float64Array(memory);
  }

  /** Notes the cost of a run. */
  note(way: number, cost: number): void {
    const at = way * wayWords;
    const count = this.#numbers[at]!;
    this.#numbers[at + 1 + (count % kept)] = cost;
    this.#numbers[at] = count + 1;
  }

  /** The least cost of the last runs of a way; undefined where too few have been measured. */
  least(way: number): number | undefined {
    const at = way * wayWords;
    const count = this.#numbers[at]!;
    if (count < enough) return undefined;
    return Math.min(...this.#numbers.subarray(at + 1, at + 1 + Math.min(count, kept)));
  }

  /** All ways are to be measured anew. */
  forget(): void {
    this.#numbers.fill(0);
  }

  /** The least costs of all ways, as {@link restore} takes them. */
  get all(): (number | null)[] {
    return Array.from({ length: mostWays }, (_, way) => this.least(way) ?? null);
  }

  /** Takes over what was measured before; ways that have been measured again stay. */
  restore(costs: readonly (number | null)[]): void {
    for (const [way, cost] of costs.slice(0, mostWays).entries()) {
      if (cost === null || this.#numbers[way * wayWords] !== 0) continue;
      for (let time = 0; time < enough; time++) this.note(way, cost);
    }
  }
}
