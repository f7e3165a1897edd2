import type { Job, Worker } from "bullmq";

/** A field of the job's own hash in Redis, so it goes with the job. BullMQ ignores it. */
const field = "orangeryBegun";

/**
 * How many processes died while they worked on a job. A mark is made before the task begins and taken
 * back when it ends, in whatever way: what is left over are deaths. BullMQ's own count of stalls is
 * no such count: it blames every job that a dead process had in hand, begun or not.
 */
export class CrashMarks {
  readonly #worker: () => Worker;

  constructor(worker: () => Worker) {
    this.#worker = worker;
  }

  async read(job: Job): Promise<number> {
    // Who died left a stall behind, too: most jobs need not be asked.
    if (job.stalledCounter === 0) return 0;
    const { client, key } = await this.#place(job);
    return Number((await client.hget(key, field)) ?? 0);
  }

  /** Only for who holds the job's lock. */
  async write(job: Job, marks: number): Promise<void> {
    const { client, key } = await this.#place(job);
    await client.hset(key, { [field]: marks });
  }

  async #place(job: Job) {
    const worker = this.#worker();
    return { client: await worker.getBackend().client, key: worker.toKey(job.id!) };
  }
}
