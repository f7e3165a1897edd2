/** The rate over the last half minute: short enough for an ETA, since photos and machines vary. */
export class RateMeter {
  readonly #now: () => number;
  readonly #marks: { readonly at: number; readonly count: number }[];
  #count = 0;

  /** @param now A clock in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#marks = [{ at: now(), count: 0 }];
  }

  add(count: number): void {
    this.#count += count;
    const at = this.#now();
    // Enough of them for a smooth window, few enough to cost nothing.
    if (at - this.#marks.at(-1)!.at >= windowMs / 30) this.#marks.push({ at, count: this.#count });
    while (this.#marks.length > 2 && at - this.#marks[1]!.at > windowMs) this.#marks.shift();
  }

  /** 0 until something was added. */
  get perSecond(): number {
    const { at, count } = this.#marks[0]!;
    const elapsedMs = this.#now() - at;
    return elapsedMs > 0 ? (1000 * (this.#count - count)) / elapsedMs : 0;
  }
}

const windowMs = 30_000;
