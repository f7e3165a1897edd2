import { inspect } from "node:util";
import type { Job } from "bullmq";
import { isOrangeryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { TaskProgress } from "../tasks/task-context.ts";

/**
 * What a job tells of itself while it runs: progress and lines of log, kept by the queue. Telling
 * never holds up the task, and what cannot be told is dropped: a note is not worth a job.
 */
export class JobNotes {
  readonly #job: Job;
  readonly #logger: Logger;
  readonly #untold = new Set<Promise<void>>();
  #progress: TaskProgress | undefined;
  #isTellingProgress = false;

  constructor(job: Job, logger: Logger) {
    this.#job = job;
    this.#logger = logger;
  }

  /** One call at a time is on its way to the queue; of those made meanwhile, the last follows. */
  readonly setProgress = (progress: TaskProgress): void => {
    this.#progress = progress;
    if (this.#isTellingProgress) return;
    this.#isTellingProgress = true;
    this.#track(this.#tellProgress());
  };

  /** Writes to the job's log in the queue what is of level info and above. */
  get log(): Logger {
    return jobLogger((line) => this.#track(this.#job.log(line)));
  }

  /** When everything is told, or cannot be: before the job ends, after which it may be gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#untold);
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
      this.#isTellingProgress = false;
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
