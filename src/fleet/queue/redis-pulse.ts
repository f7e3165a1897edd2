/** An answer that takes longer comes too late for whoever asks whether the queue is reached. */
const patienceMs = 5_000;

/**
 * Whether Redis answers. A connection that stands says little: behind a firewall that drops, or to a
 * host that is gone, it stands for minutes. So it is asked again and again, and one question at most
 * is on its way.
 */
export class RedisPulse {
  readonly #ask: () => Promise<unknown>;
  #hasAnswered = true;
  #askedAt: number | undefined;

  /** Made when Redis has just answered. @param ask rejects when Redis refuses, and stays pending while it is away */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  /** Whether the last question was answered, or is too young to tell. */
  get isAlive(): boolean {
    const waitsMs = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
    return this.#hasAnswered && waitsMs < patienceMs;
  }

  /** Asks, unless an answer is still waited for; resolves with it. */
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
