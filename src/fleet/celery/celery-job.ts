import type { TaskProgress } from "../../tasks/task-context.ts";
import type { CrashMarks } from "../jobs/crash-marks.ts";
import type { TakenJob } from "../jobs/taken-job.ts";
import type { CeleryMessage } from "./protocol/celery-message.ts";
import type { CeleryBroker, TakenMessage } from "./redis/celery-broker.ts";
import type { CeleryResults } from "./redis/celery-results.ts";

export interface CeleryJobOptions {
  readonly message: CeleryMessage;
  readonly taken: TakenMessage;
  /** Whether the message was acknowledged before the task began. */
  readonly isAcknowledged: boolean;
  /** Whether nobody wants its result. */
  readonly isIgnored: boolean;
  readonly broker: CeleryBroker;
  readonly results: CeleryResults;
}

/** A message of Celery's as a job of the fleet. */
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
    const { broker, taken, isAcknowledged } = this.#options;
    await broker.giveBack({ ...taken, tag: isAcknowledged ? "" : taken.tag });
  }

  /** As `update_state(state="PROGRESS", meta=…)` of a Celery task. */
  async updateProgress(progress: TaskProgress): Promise<void> {
    const { results, message, isIgnored } = this.#options;
    if (isIgnored) return;
    await results.store(message, { status: "PROGRESS", result: progress });
  }

  async log(): Promise<void> {}
}

/** Keeps the marks of crashes beside the queue, by the tasks' ids. */
export class CeleryCrashMarks implements CrashMarks {
  readonly #broker: CeleryBroker;

  constructor(broker: CeleryBroker) {
    this.#broker = broker;
  }

  async read({ id, stalledCounter }: TakenJob): Promise<number> {
    return stalledCounter === 0 ? 0 : await this.#broker.readMark(id!);
  }

  async write({ id }: TakenJob, marks: number): Promise<void> {
    await this.#broker.writeMark(id!, marks);
  }
}
