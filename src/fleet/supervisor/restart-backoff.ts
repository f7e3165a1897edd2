export interface RestartBackoffOptions {
  /** The wait after the first failure; each further one doubles it. Default 200 ms. */
  readonly firstMs?: number;
  /** The longest wait. Default 60 s. */
  readonly longestMs?: number;
  /** Failures in a row before the slot is given up. Default 10, which takes about three minutes. */
  readonly mostFailures?: number;
}

/** Decides how long to wait before a process that failed is started again, and when to give up. */
export class RestartBackoff {
  readonly #options: Required<RestartBackoffOptions>;
  #failures = 0;

  constructor({
    firstMs = 200,
    longestMs = 60_000,
    mostFailures = 10,
  }: RestartBackoffOptions = {}) {
    this.#options = { firstMs, longestMs, mostFailures };
  }

  get isExhausted(): boolean {
    return this.#failures >= this.#options.mostFailures;
  }

  failed(): void {
    this.#failures++;
  }

  /** To be called when a process has done what it was started for. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** Shortened at random by up to half, so that processes do not all start at once. */
  get waitMs(): number {
    if (this.#failures === 0) return 0;
    const { firstMs, longestMs } = this.#options;
    const waitMs = Math.min(longestMs, firstMs * 2 ** (this.#failures - 1));
    return waitMs * (1 - Math.random() / 2);
  }
}
