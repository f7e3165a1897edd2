/** Tasks whose memory readings are looked at, the last ones. */
const windowTasks = 1000;
/** Fewer say nothing. */
const leastTasks = 200;
/** The first tasks take memory that later ones use again. */
const warmUpTasks = 100;
/** How sure a slope must be: so many standard errors from being less. */
const certainty = 4;
/** What a process takes besides before it is full: JavaScript's heap alone takes over 100 MB in time. */
const harmlessBytes = 256 * 2 ** 20;
/** So many of the first readings and of the last ones are compared. */
const comparedTasks = 100;

interface Reading {
  readonly task: number;
  readonly bytes: number;
}

/**
 * How much memory grows with each task: the slope of the straight line that fits the last thousand
 * readings best (least squares), less what chance may have added. Photos differ, so single readings
 * jump by tens of megabytes; a slope that is certain is a leak, once it has led to a process that is
 * much larger than it was. What only fills up what a process needs ends before.
 */
export class MemoryTrend {
  readonly #readings: Reading[] = [];
  #firstBytes = 0;

  /** @param task the number of the task after which it was read, from 1 */
  add(task: number, bytes: number): void {
    if (task <= warmUpTasks) return;
    this.#readings.push({ task, bytes });
    if (this.#readings.length === comparedTasks) this.#firstBytes = meanBytes(this.#readings);
    if (this.#readings.length > windowTasks) this.#readings.shift();
  }

  /** At least so many bytes a task are lost, with near certainty; 0 while nothing is certain. */
  get growthBytesPerTask(): number {
    const n = this.#readings.length;
    if (n < leastTasks) return 0;
    const gainedBytes = meanBytes(this.#readings.slice(-comparedTasks)) - this.#firstBytes;
    if (gainedBytes < harmlessBytes) return 0;
    const atTask = mean(this.#readings, ({ task }) => task);
    const atBytes = meanBytes(this.#readings);
    let [spread, covariance] = [0, 0];
    for (const { task, bytes } of this.#readings) {
      spread += (task - atTask) ** 2;
      covariance += (task - atTask) * (bytes - atBytes);
    }
    const slope = covariance / spread;
    let errors = 0;
    for (const { task, bytes } of this.#readings) {
      errors += (bytes - atBytes - slope * (task - atTask)) ** 2;
    }
    const standardError = Math.sqrt(errors / (n - 2) / spread);
    return Math.max(0, slope - certainty * standardError);
  }
}

function mean(readings: readonly Reading[], value: (reading: Reading) => number): number {
  return readings.reduce((sum, reading) => sum + value(reading), 0) / readings.length;
}

function meanBytes(readings: readonly Reading[]): number {
  return mean(readings, ({ bytes }) => bytes);
}
