/**
 * How long the steps of one piece of work take, in ms by name, from the moment it is made. A step
 * that is done more than once is summed.
 */
export class StepTimes<Step extends string = string> {
  readonly #startedAtMs: number;
  readonly #ms: Record<Step, number>;

  /** @param ms What has been measured before; it names the steps that are there in any case. */
  constructor(ms: Readonly<Record<Step, number>>, startedAtMs = performance.now()) {
    this.#ms = { ...ms };
    this.#startedAtMs = startedAtMs;
  }

  /** Does the work of a step and adds how long it took. A step that fails is not counted. */
  async step<T>(name: Step, work: () => T | Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    const result = await work();
    this.add({ [name]: performance.now() - startedAtMs } as Record<Step, number>);
    return result;
  }

  /** Adds times that were measured elsewhere; a `total` among them is not one of the steps. */
  add(ms: Readonly<Partial<Record<Step, number>>>): void {
    for (const [name, value] of Object.entries(ms) as [Step, number][]) {
      if (name !== "total") this.#ms[name] = (this.#ms[name] ?? 0) + value;
    }
  }

  /**
   * One part of `count` that shared the steps so far: its share of them, and the same beginning.
   */
  shareOf(count: number): StepTimes<Step> {
    const share = new StepTimes(this.#ms, this.#startedAtMs);
    for (const name of Object.keys(this.#ms) as Step[]) share.#ms[name] /= count;
    return share;
  }

  /** The steps, and as `total` the time since the beginning, whatever it was spent on. */
  withTotal(): Record<Step | "total", number> {
    return { ...this.#ms, total: performance.now() - this.#startedAtMs } as Record<
      Step | "total",
      number
    >;
  }
}
