/** How many of the last tasks' memory readings are used. */
const windowTasks = 1000;
/** Fewer readings prove nothing. */
const leastTasks = 200;
/** The first tasks allocate memory that later ones reuse. */
const warmUpTasks = 100;
/** Standard errors that are subtracted from a slope, to be certain of the rest. */
const certainty = 4;
/** Growth that is no leak: JavaScript's heap alone grows by over 100 MB before it is full. */
const harmlessBytes = 256 * 2 ** 20;
/** How many of the first and of the last readings are compared. */
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

  /** A near-certain lower bound of the bytes lost per task; 0 while nothing is certain. */
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
