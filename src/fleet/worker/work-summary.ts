import type { Logger } from "../../logger.ts";
import type { JobEnd } from "../jobs/job-end.ts";

export interface WorkSummaryOptions {
  readonly logger: Logger;
  /** Returns what a task logs of a result. Numbers are summed. */
  readonly resultLogFields: (result: never) => object;
  /** Default 30 s. */
  readonly periodMs?: number | undefined;
}

/**
 * Logs a worker's progress periodically, in one line for all jobs that have ended since the last,
 * so that hundreds of thousands of photos do not fill the log. Without work there is no line.
 */
export class WorkSummary implements Disposable {
  readonly #options: WorkSummaryOptions;
  readonly #timer: NodeJS.Timeout;
  #since = performance.now();
  #counts = { succeeded: 0, failed: 0, retrying: 0 };
  #sums: Record<string, number> = {};

  constructor(options: WorkSummaryOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.write(), options.periodMs ?? 30_000);
    this.#timer.unref();
  }

  count({ outcome, result }: Pick<JobEnd, "outcome" | "result">): void {
    if (outcome === "returned" || outcome === "lost") return;
    this.#counts[outcome]++;
    if (outcome === "succeeded") this.#addNumbers(result);
  }

  /** Logs what has ended since the last time. */
  write(): void {
    const { succeeded, failed, retrying } = this.#counts;
    const seconds = (performance.now() - this.#since) / 1000;
    const ended = succeeded + failed + retrying;
    const found = this.#sums;
    this.#counts = { succeeded: 0, failed: 0, retrying: 0 };
    this.#sums = {};
    this.#since = performance.now();
    if (ended === 0) return;
    const perSecond = Number((ended / seconds).toPrecision(3));
    const memoryBytes = process.memoryUsage.rss();
    this.#options.logger.info(
      { succeeded, failed, retrying, perSecond, ...found, memoryBytes },
      "jobs have ended",
    );
  }

  /** Logs the rest. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.write();
  }

  #addNumbers(result: unknown): void {
    let fields: object;
    try {
      fields = this.#options.resultLogFields(result as never);
    } catch {
      // The task's own line has the reason.
      return;
    }
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value === "number") this.#sums[name] = (this.#sums[name] ?? 0) + value;
    }
  }
}
