/** The share of a CPU that readings take at most, since a run may count beside them. */
const mostShare = 0.005;

/** Reads a value again only when the last reading was long enough ago for what it cost. */
export class Paced<T> {
  readonly #read: () => Promise<T>;
  #value: Promise<T> | undefined;
  #restsUntilMs = 0;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  /** Returns the value, new or as it was read last. */
  async get(): Promise<T> {
    if (this.#value === undefined || performance.now() >= this.#restsUntilMs) {
      const startedAtMs = performance.now();
      const before = process.cpuUsage();
      this.#restsUntilMs = Infinity;
      this.#value = this.#read();
      this.#value.then(
        () => {
          const { user, system } = process.cpuUsage(before);
          const nowMs = performance.now();
          // Includes other work of the process, but no more than the time passed.
          const costMs = Math.min(nowMs - startedAtMs, (user + system) / 1000);
          this.#restsUntilMs = nowMs + costMs / mostShare;
        },
        () => {
          this.#value = undefined;
          this.#restsUntilMs = 0;
        },
      );
    }
    return await this.#value;
  }
}
