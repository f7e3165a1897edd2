import type { Worker } from "bullmq";
import type { QueuePatience } from "../queue/queue-patience.ts";
import type { TakenJob } from "./taken-job.ts";

/**
 * Counts the processes that died while they worked on a job. A mark is made before the task begins
 * and taken back when it ends, in whatever way: the marks that remain are deaths. BullMQ's count of
 * stalls does not say the same: it blames every job that a dead process had taken, begun or not.
 */
export interface CrashMarks {
  read(job: TakenJob): Promise<number>;
  /** Only for the holder of the job's lock. */
  write(job: TakenJob, marks: number): Promise<void>;
}

/** A field of the job's own hash in Redis, so that it goes with the job. BullMQ ignores it. */
export const crashMarkField = "orangeryBegun";

/** Keeps the marks with the jobs. */
export class RedisCrashMarks implements CrashMarks {
  readonly #worker: Worker;
  readonly #patience: QueuePatience;

  constructor(worker: Worker, patience: QueuePatience) {
    this.#worker = worker;
    this.#patience = patience;
  }

  async read(job: TakenJob): Promise<number> {
    // A death leaves a stall behind, too, so most jobs need no request.
    if (job.stalledCounter === 0) return 0;
    const client = await this.#worker.getBackend().client;
    const key = this.#worker.toKey(job.id!);
    return Number((await this.#patience.repeat(() => client.hget(key, crashMarkField))) ?? 0);
  }

  async write(job: TakenJob, marks: number): Promise<void> {
    const client = await this.#worker.getBackend().client;
    const key = this.#worker.toKey(job.id!);
    await this.#patience.repeat(() => client.hset(key, { [crashMarkField]: marks }));
  }
}
