/** The number of tasks, the last ones, whose memory readings are used. */
const windowTasks = 1000;
/** From fewer readings nothing can be concluded. */
const leastTasks = 200;
/** The first tasks take memory that later ones reuse. */
const warmUpTasks = 100;
/** How certain a slope must be: it is taken as less by this many standard errors. */
const certainty = 4;
/** Growth that is no leak: JavaScript's heap alone grows by over 100 MB before it is full. */
const harmlessBytes = 256 * 2 ** 20;
/** The number of first readings, and of last ones, that are compared. */
const comparedTasks = 100;

interface Reading {
  readonly task: number;
  readonly bytes: number;
}

/**
 * Estimates how much memory grows with each task: the slope of the straight line that fits the last
 * thousand readings best (least squares), less what chance may have added. Photos differ, so single
 * readings jump by tens of megabytes. A slope that is certain is a leak once the process has become
 * much larger than it was; memory that a process merely fills up stops growing before.
 */
export class MemoryTrend {
  readonly #readings: Reading[] = [];
  #firstBytes = 0;

  /** Adds a reading. Tasks are numbered from 1. */
  add(task: number, bytes: number): void {
    if (task <= warmUpTasks) return;
    this.#readings.push({ task, bytes });
    if (this.#readings.length === comparedTasks) this.#firstBytes = meanBytes(this.#readings);
    if (this.#readings.length > windowTasks) this.#readings.shift();
  }

  /** The bytes that each task loses at least, with near certainty; 0 while nothing is certain. */
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
