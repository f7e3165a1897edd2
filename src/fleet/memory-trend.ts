/** Tasks whose memory readings are looked at, the last ones. */
const windowTasks = 1000;
/** Fewer say nothing. */
const leastTasks = 200;
/** The first tasks take memory that later ones use again. */
const warmUpTasks = 100;
/** How sure a slope must be: so many standard errors from being less. */
const certainty = 4;

/**
 * How much memory grows with each task: the slope of the straight line that fits the last thousand
 * readings best (least squares), less what chance may have added. Photos differ, so single readings
 * jump by tens of megabytes; a slope that is certain is a leak.
 */
export class MemoryTrend {
  readonly #readings: { readonly task: number; readonly bytes: number }[] = [];

  /** @param task the number of the task after which it was read, from 1 */
  add(task: number, bytes: number): void {
    if (task <= warmUpTasks) return;
    this.#readings.push({ task, bytes });
    if (this.#readings.length > windowTasks) this.#readings.shift();
  }

  /** At least so many bytes a task are lost, with near certainty; 0 while nothing is certain. */
  get growthBytesPerTask(): number {
    const n = this.#readings.length;
    if (n < leastTasks) return 0;
    const meanTask = this.#mean(({ task }) => task);
    const meanBytes = this.#mean(({ bytes }) => bytes);
    let [spread, covariance] = [0, 0];
    for (const { task, bytes } of this.#readings) {
      spread += (task - meanTask) ** 2;
      covariance += (task - meanTask) * (bytes - meanBytes);
    }
    const slope = covariance / spread;
    let errors = 0;
    for (const { task, bytes } of this.#readings) {
      errors += (bytes - meanBytes - slope * (task - meanTask)) ** 2;
    }
    const standardError = Math.sqrt(errors / (n - 2) / spread);
    return Math.max(0, slope - certainty * standardError);
  }

  #mean(value: (reading: { task: number; bytes: number }) => number): number {
    return this.#readings.reduce((sum, reading) => sum + value(reading), 0) / this.#readings.length;
  }
}
