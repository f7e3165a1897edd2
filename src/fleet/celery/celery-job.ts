import type { TaskProgress } from "../../tasks/task-context.ts";
import type { CrashMarks } from "../jobs/crash-marks.ts";
import type { TakenJob } from "../jobs/taken-job.ts";
import type { DeathMarks, TakenMessage } from "./app/celery-broker.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import type { CeleryMessage } from "./protocol/celery-message.ts";

export interface CeleryJobOptions {
  readonly message: CeleryMessage;
  readonly taken: TakenMessage;
  /** Whether nobody wants its result. */
  readonly isIgnored: boolean;
  readonly results: CeleryResults;
}

/** A Celery message as a job of the fleet. */
export class CeleryJob implements TakenJob {
  readonly id: string;
  readonly data: CeleryMessage;
  readonly opts: TakenJob["opts"] = {};
  readonly timestamp: number;
  readonly processedOn = Date.now();
  readonly attemptsMade: number;
  readonly stalledCounter: number;
  readonly #options: CeleryJobOptions;

  constructor(options: CeleryJobOptions) {
    this.#options = options;
    const { id, retries, isRedelivered, etaMs } = options.message;
    this.id = id;
    this.data = options.message;
    // Messages do not say when they were sent.
    this.timestamp = etaMs ?? this.processedOn;
    this.attemptsMade = retries;
    this.stalledCounter = isRedelivered ? 1 : 0;
  }

  async moveToWait(): Promise<void> {
    await this.#options.taken.giveBack();
  }

  /** Like `update_state(state="PROGRESS", meta=…)` of a Celery task. */
  async updateProgress(progress: TaskProgress): Promise<void> {
    const { results, message, isIgnored } = this.#options;
    if (isIgnored) return;
    await results.store(message, { status: "PROGRESS", result: progress });
  }

  async log(): Promise<void> {}
}

/** Keeps crash marks with the broker, by task id. */
export class CeleryCrashMarks implements CrashMarks {
  readonly #marks: DeathMarks;

  constructor(marks: DeathMarks) {
    this.#marks = marks;
  }

  async read({ id, stalledCounter }: TakenJob): Promise<number> {
    return stalledCounter === 0 ? 0 : await this.#marks.read(id!);
  }

  async write({ id }: TakenJob, marks: number): Promise<void> {
    await this.#marks.write(id!, marks);
  }
}
