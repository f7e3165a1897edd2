import { inspect } from "node:util";
import type { Job } from "bullmq";
import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { TaskProgress } from "../../tasks/task-context.ts";

/** Lines of log are told together, so often at most: a job that is done before is told of once. */
const logPeriodMs = 1_000;

/**
 * What a job tells of itself while it runs: progress and lines of log, kept by the queue. Telling
 * never holds up the task, and what cannot be told is dropped: a note is not worth a job.
 */
export class JobNotes {
  readonly #job: Job;
  readonly #logger: Logger;
  readonly #untold = new Set<Promise<void>>();
  #progress: TaskProgress | undefined;
  #isReportingProgress = false;
  #lines: string[] = [];
  #logTimer: NodeJS.Timeout | undefined;

  constructor(job: Job, logger: Logger) {
    this.#job = job;
    this.#logger = logger;
  }

  /** One call at a time is on its way to the queue; of those made meanwhile, the last follows. */
  readonly setProgress = (progress: TaskProgress): void => {
    this.#progress = progress;
    if (this.#isReportingProgress) return;
    this.#isReportingProgress = true;
    this.#track(this.#tellProgress());
  };

  /** Writes to the job's log in the queue what is of level info and above. */
  get log(): Logger {
    return jobLogger((line) => {
      this.#lines.push(line);
      this.#logTimer ??= setTimeout(() => this.#tellLines(), logPeriodMs);
    });
  }

  /** When everything is told, or cannot be: to be awaited before the job ends and may be gone. */
  async settled(): Promise<void> {
    this.#tellLines();
    await Promise.all(this.#untold);
  }

  /** As {@link settled}, of a job that is removed as it ends, and its log with it. */
  async dropped(): Promise<void> {
    this.#lines = [];
    await this.settled();
  }

  #tellLines(): void {
    clearTimeout(this.#logTimer);
    this.#logTimer = undefined;
    for (const line of this.#lines) this.#track(this.#job.log(line));
    this.#lines = [];
  }

  async #tellProgress(): Promise<void> {
    try {
      for (;;) {
        const progress = this.#progress;
        if (progress === undefined) return;
        this.#progress = undefined;
        await this.#job.updateProgress(progress);
      }
    } finally {
      this.#isReportingProgress = false;
    }
  }

  #track(telling: Promise<unknown>): void {
    const told = telling
      .then(
        () => {},
        (err: unknown) => this.#logger.debug({ err }, "a job's progress or log was not kept"),
      )
      .finally(() => this.#untold.delete(told));
    this.#untold.add(told);
  }
}

function jobLogger(write: (line: string) => void, bound: object = {}): Logger {
  const at = (level: string) => (fields: object, message: string) =>
    write(toLine(level, message, { ...bound, ...fields }));
  return {
    debug: () => {},
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => jobLogger(write, { ...bound, ...fields }),
  };
}

/** `info task succeeded durationMs=21` */
function toLine(level: string, message: string, fields: object): string {
  const facts = Object.entries(fields).map(([name, value]) => `${name}=${toText(value)}`);
  return [level, message, ...facts].join(" ");
}

function toText(value: unknown): string {
  if (isOrangeryError(value)) return `${value.code}: ${value.message}`;
  if (value instanceof Error) return String(value);
  return typeof value === "string" ? value : inspect(value, { breakLength: Infinity });
}
