/**
 * How many use something that the threads of a process share, as a word of native memory that is
 * only changed atomically. At 0 there is nothing to use: the last one out releases it.
 */
export class UserCount {
  readonly #words: BigInt64Array;
  readonly #place: number;

  constructor(words: BigInt64Array, place: number) {
    this.#words = words;
    this.#place = place;
  }

  /** Users; a thread that was killed stays counted. */
  get count(): number {
    return Number(Atomics.load(this.#words, this.#place));
  }

  /** Counts in the one who has just made what is used. */
  begin(): void {
    Atomics.store(this.#words, this.#place, 1n);
  }

  /** Counts a user in, unless there is nothing to use. */
  enter(): boolean {
    for (;;) {
      const users = Atomics.load(this.#words, this.#place);
      if (users === 0n) return false;
      if (this.#replace(users, users + 1n)) return true;
    }
  }

  /** Takes over from users that have all died without leaving. */
  adopt(): boolean {
    const users = Atomics.load(this.#words, this.#place);
    return users > 0n && this.#replace(users, 1n);
  }

  /** Counts a user out. @returns whether it was the last, which releases what was used */
  leave(): boolean {
    return Atomics.sub(this.#words, this.#place, 1n) === 1n;
  }

  #replace(expected: bigint, replacement: bigint): boolean {
    const found = Atomics.compareExchange(this.#words, this.#place, expected, replacement);
    return found === expected;
  }
}
