/**
 * Checks whether Redis answers. An open connection says little: behind a firewall that drops
 * packets, or to a host that is gone, it stays open for minutes. So requests are sent again and
 * again, at most one at a time.
 */
export class RedisPulse {
  readonly #ask: () => Promise<unknown>;
  readonly #patienceMs: number;
  #hasAnswered = true;
  #askedAt: number | undefined;

  /**
   * Create it when Redis has just answered.
   *
   * @param ask rejects when Redis refuses, and stays pending while it is away
   * @param patienceMs a slower answer does not count
   */
  constructor(ask: () => Promise<unknown>, { patienceMs = 5_000 } = {}) {
    this.#ask = ask;
    this.#patienceMs = patienceMs;
  }

  /** Whether the last request was answered, or is still too recent to say. */
  get isAlive(): boolean {
    const waitsMs = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
    return this.#hasAnswered && waitsMs < this.#patienceMs;
  }

  /** Sends a request, unless one is pending; resolves when it is settled. */
  async beat(): Promise<void> {
    if (this.#askedAt !== undefined) return;
    this.#askedAt = performance.now();
    this.#hasAnswered = await this.#ask().then(
      () => true,
      () => false,
    );
    this.#askedAt = undefined;
  }
}
