/** The pause after a list, as a multiple of its duration. */
const pauseFactor = 9;

/** What a list took, by a clock that never jumps. */
export interface ListTimes {
  readonly isFull: boolean;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * When places are listed: each kind of list, the full one and that of names only, takes at most a
 * tenth of the time, and there is at least `everyMs` between two.
 */
export class ListPace {
  readonly #everyMs: number;
  #nextMs = 0;
  #nextFullMs = 0;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** When the next list is due. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** Whether a list that starts now is to be a full one. */
  isFull(nowMs: number): boolean {
    return nowMs >= this.#nextFullMs;
  }

  /** Makes a list due now. */
  hurry(): void {
    this.#nextMs = 0;
  }

  /** Plans the next list after one that has ended. */
  ended({ isFull, startMs, endMs }: ListTimes): void {
    const pauseMs = Math.max(this.#everyMs, pauseFactor * (endMs - startMs));
    // What a list of names takes is not known yet after a full one: less, in any case.
    this.#nextMs = endMs + (isFull ? this.#everyMs : pauseMs);
    if (isFull) this.#nextFullMs = endMs + pauseMs;
  }
}
