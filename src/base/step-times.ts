/**
 * Durations of the steps of one piece of work, in ms by name, from construction on. Repeated steps
 * are summed.
 */
export class StepTimes<Step extends string = string> {
  readonly #startedAtMs: number;
  readonly #ms: Record<Step, number>;

  /** @param ms Earlier measurements; their names are always present. */
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

  /** Adds times measured elsewhere; a `total` among them is ignored. */
  add(ms: Readonly<Partial<Record<Step, number>>>): void {
    for (const [name, value] of Object.entries(ms) as [Step, number][]) {
      if (name !== "total") this.#ms[name] = (this.#ms[name] ?? 0) + value;
    }
  }

  /**
   * Splits off one of `count` parts that shared the steps so far: its share of the times, with the
   * same beginning.
   */
  shareOf(count: number): StepTimes<Step> {
    const share = new StepTimes(this.#ms, this.#startedAtMs);
    for (const name of Object.keys(this.#ms) as Step[]) share.#ms[name] /= count;
    return share;
  }

  /** The steps, and as `total` the whole time since the beginning. */
  withTotal(): Record<Step | "total", number> {
    return { ...this.#ms, total: performance.now() - this.#startedAtMs } as Record<
      Step | "total",
      number
    >;
  }
}
