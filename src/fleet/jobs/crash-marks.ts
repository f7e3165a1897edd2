import type { QueuePatience } from "../queue/queue-patience.ts";
import type { AttemptStore } from "../store/queue-store.ts";
import type { TakenJob } from "./taken-job.ts";

/**
 * Counts the processes that died while they worked on a job. A mark is made before the task begins
 * and removed when it ends, in whatever way: the remaining marks are deaths. BullMQ's count of
 * stalls differs: it blames every job that a dead process had taken, begun or not.
 */
export interface CrashMarks {
  read(job: TakenJob): Promise<number>;
  /** Only the holder of the job's lock may call this. */
  write(job: TakenJob, marks: number): Promise<void>;
}

/** Keeps the marks with the jobs. A queue that refuses a mark is waited for: no job fails of it. */
export class KeptCrashMarks implements CrashMarks {
  readonly #store: AttemptStore;
  readonly #patience: QueuePatience;

  constructor(store: AttemptStore, patience: QueuePatience) {
    this.#store = store;
    this.#patience = patience;
  }

  async read(job: TakenJob): Promise<number> {
    // A death also leaves a stall, so most jobs need no request.
    if (job.stalledCounter === 0) return 0;
    return await this.#patience.repeat(() => this.#store.readDeaths(job.id!), { always: true });
  }

  async write(job: TakenJob, marks: number): Promise<void> {
    const write = () => this.#store.writeDeaths(job.id!, marks);
    await this.#patience.repeat(write, { always: true });
  }
}
