import { inspect } from "node:util";
import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { TaskProgress } from "../../tasks/task-context.ts";
import type { TakenJob } from "./taken-job.ts";

export interface JobNotesOptions {
  readonly logger: Logger;
  /**
   * Log lines are sent together, at most this often. Default 1 s: a shorter job sends them once.
   */
  readonly logPeriodMs?: number;
}

/**
 * Keeps a job's progress and log lines in the queue while it runs. It never delays the task, and
 * drops what cannot be sent: no note is worth a job.
 */
export class JobNotes {
  readonly #job: Pick<TakenJob, "log" | "updateProgress">;
  readonly #logger: Logger;
  readonly #logPeriodMs: number;
  /** What is on its way to the queue. */
  readonly #sending = new Set<Promise<void>>();
  #progress: TaskProgress | undefined;
  #isSendingProgress = false;
  #lines: string[] = [];
  #isSendingLines = false;
  #logTimer: NodeJS.Timeout | undefined;

  constructor(
    job: Pick<TakenJob, "log" | "updateProgress">,
    { logger, logPeriodMs = 1_000 }: JobNotesOptions,
  ) {
    this.#job = job;
    this.#logger = logger;
    this.#logPeriodMs = logPeriodMs;
  }

  /** One call at a time is in flight; of those made in the meantime, only the last is sent. */
  readonly setProgress = (progress: TaskProgress): void => {
    this.#progress = progress;
    if (this.#isSendingProgress) return;
    this.#isSendingProgress = true;
    this.#track(this.#sendProgress());
  };

  /** Writes lines of level info and above to the job's log in the queue. */
  get log(): Logger {
    return jobLogger((line) => {
      this.#lines.push(line);
      this.#logTimer ??= setTimeout(() => this.#sendLines(), this.#logPeriodMs);
    });
  }

  /**
   * Resolves when everything is sent or dropped. Await it before the job ends, since the job may
   * then be removed.
   */
  async settled(): Promise<void> {
    this.#sendLines();
    await Promise.all(this.#sending);
  }

  /** Like {@link settled}, for a job that is removed as it ends, with its log. */
  async dropped(): Promise<void> {
    this.#lines = [];
    await this.settled();
  }

  #sendLines(): void {
    clearTimeout(this.#logTimer);
    this.#logTimer = undefined;
    if (this.#isSendingLines || this.#lines.length === 0) return;
    this.#isSendingLines = true;
    this.#track(this.#sendEachLine());
  }

  /**
   * One after the other, because in PostgreSQL BullMQ numbers a line by the lines already stored.
   */
  async #sendEachLine(): Promise<void> {
    try {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        await this.#job.log(line);
      }
    } finally {
      this.#isSendingLines = false;
    }
  }

  async #sendProgress(): Promise<void> {
    try {
      for (;;) {
        const progress = this.#progress;
        if (progress === undefined) return;
        this.#progress = undefined;
        await this.#job.updateProgress(progress);
      }
    } finally {
      this.#isSendingProgress = false;
    }
  }

  #track(sending: Promise<unknown>): void {
    const sent = sending
      .then(
        () => {},
        (err: unknown) => this.#logger.debug({ err }, "a job's progress or log was not kept"),
      )
      .finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
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
  const values = Object.entries(fields).map(([name, value]) => `${name}=${toText(value)}`);
  return [level, message, ...values].join(" ");
}

function toText(value: unknown): string {
  if (isOrangeryError(value)) return `${value.code}: ${value.message}`;
  if (value instanceof Error) return String(value);
  return typeof value === "string" ? value : inspect(value, { breakLength: Infinity });
}
